"""Chromium without a window: where it is, and what it prints of a page."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


@pytest.fixture(scope="module")
def browser() -> str:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        words = "no Chromium on this machine: apt-get install chromium"
        if os.environ.get("BACKWAVE_REQUIRE_BROWSER") == "1":
            pytest.fail(words)
        pytest.skip(words)
    return found


def run(browser: str, folder: Path, address: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0",
               f"--user-data-dir={folder / 'profile'}", *options, address.as_uri()]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
