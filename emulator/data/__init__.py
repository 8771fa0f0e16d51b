"""Samples that others collected: tables, arrays, folders of images, collections; read, split, scaled, fitted to a network."""
