"""What a compiled program leaves behind: of the arrays that brian2 writes at its end those that are asked for, and of those
the records as they are made.

brian2 writes every array of a program into a file of its own, a hundred and more; making and removing them takes longer than
the run of one sample. And it keeps every record in memory until the end: getting so much new memory takes a system longer
than many a substrate takes to compute what is in it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

#: one array in the generated `_write_arrays`: from the stream that is opened to the complaint if it was not
_WRITTEN = re.compile(
    r"[ \t]*ofstream outfile_(?P<name>\w+);\s*outfile_(?P=name)\.open\(results_dir \+ \"(?P<file>\w+)\""
    r".*?Error writing output file for .*?\}\n",
    re.DOTALL,
)
#: where it is defined in `objects.cpp`, and declared in `objects.h`
_HELD = r"^(?P<extern>extern )?(?:DynamicArray2D|std::vector)<(?P<type>\w+)> {name};$"
#: a record that passes on what it was given, block by block, to the file that brian2 would write at the end
_RECORD = """
#include <fstream>
#include <iostream>
#include <string>
#include <vector>
namespace brian {
extern std::string results_dir;
template<class T> class Record
{
    const char* file;
    std::ofstream to;
    std::vector<T> block;
    size_t columns, passed;  // rows that are in the file
    void pass()
    {
        if (!to.is_open())
            to.open(results_dir + file, std::ios::binary | std::ios::out);
        to.write(reinterpret_cast<const char*>(block.data()), block.size()*sizeof(T));
        passed += columns ? block.size()/columns : 0;
        block.clear();
    }
public:
    Record(const char* file, size_t columns = 0) : file(file), columns(columns), passed(0) {}
    void resize(size_t rows, size_t width)
    {
        columns = width;
        if ((rows - passed)*width > MOST)
            pass();
        block.resize((rows - passed)*width);
    }
    T& operator()(size_t row, size_t column) { return block[(row - passed)*columns + column]; }
    void push_back(T value)
    {
        if (block.size() >= MOST)
            pass();
        block.push_back(value);
    }
    T& operator[](size_t place) { return block[place]; }
    bool empty() const { return true; }
    size_t size() const { return 0; }
    void finish()
    {
        pass();
        to.close();
        if (!to)
            std::cerr << "cannot write " << results_dir << file << std::endl;
    }
};
}
"""
#: numbers of a block
_MOST = 1 << 12


def write_only(directory: Path, files: Iterable[str], records: Collection[str] = ()) -> None:
    """Let a generated program write these files of results only, besides what tells its run time.

    Code that is not as expected is left as it is, and writes everything.

    Parameters
    ----------
    directory : Path
        Of the program, generated and not compiled yet.
    files : iterable of str
        Names among the results.
    records : collection of str
        Those among them that only grow, row by row, and are never read: they are written as they are made.
    """
    wanted, source = set(files), directory / "objects.cpp"
    text = source.read_text(encoding="utf-8")
    names = {found["file"]: found["name"] for found in _WRITTEN.finditer(text)}
    if not wanted <= names.keys():
        return
    header = directory / "objects.h"
    declared = header.read_text(encoding="utf-8") if header.exists() else ""
    passed_on = set()
    for file in records:
        held = re.compile(_HELD.format(name=names[file]), re.M)
        if held.search(text) and held.search(declared):
            passed_on.add(file)
            text = held.sub(rf'Record<\g<type>> {names[file]}("{file}");', text)
            declared = held.sub(rf"extern Record<\g<type>> {names[file]};", declared)

    def written(found: re.Match[str]) -> str:
        if found["file"] in passed_on:
            return f"    {found['name']}.finish();\n"
        return found[0] if found["file"] in wanted else ""

    source.write_text(_WRITTEN.sub(written, text), encoding="utf-8")
    if passed_on:
        header.write_text(_guarded(declared), encoding="utf-8")


def _guarded(declared: str) -> str:
    """`objects.h` with the record's class before all else."""
    text = _RECORD.replace("MOST", str(_MOST))
    return f"#ifndef BACKWAVE_RECORD\n#define BACKWAVE_RECORD{text}#endif\n{declared}"
