"""``backwave cache``: what was compiled and is kept."""

from __future__ import annotations

from typing import Annotated

import typer


def cache(
    check: Annotated[bool, typer.Option("--check", help="Check every file, and remove what is damaged.")] = False,
    clear: Annotated[bool, typer.Option("--clear", help="Remove everything that is not in use.")] = False,
) -> None:
    """Show, check or clear the cache of compiled programs.

    It lies in $BACKWAVE_CACHE, else in `backwave` in the user's cache folder,
    and holds at most 64 programs of together $BACKWAVE_CACHE_BYTES (2 GiB).
    Every file is checked before use, and built anew if it is damaged. The
    exit status of --check is 1 if something was.

    \b
    Examples:
      backwave cache
      backwave cache --check
      backwave cache --clear
    """  # noqa: D301
    import time
    from datetime import timedelta

    from emulator.commands.console import console, table
    from emulator.engine.cache import cache_directory, most_bytes
    from emulator.engine.cache_care import check as check_all
    from emulator.engine.cache_care import clear as clear_all
    from emulator.engine.cache_care import contents

    screen, place = console(), cache_directory()
    wrong = check_all() if check else []
    for path in wrong:
        screen.print(f"damaged, and removed: {path}", soft_wrap=True)
    if clear:
        before = sum(one.size for one in contents())
        for path in clear_all():
            screen.print(f"in use, and kept: {path}", soft_wrap=True)
        freed = before - sum(one.size for one in contents())
        screen.print(f"removed from {place}: {freed / 1e6:.1f} MB", soft_wrap=True)
        return
    held, now = contents(), time.time()
    screen.print(f"{place}: {_amount(len(held), sum(one.size for one in held))}", soft_wrap=True)
    screen.print(f"programs may take {most_bytes() / 1e6:,.0f} MB")
    if held:
        screen.print()
        rows = [
            (
                one.kind,
                one.path.name,
                f"{one.size / 1e6:.1f} MB",
                f"{timedelta(seconds=max(0, int(now - one.used)))} ago",
            )
            for one in held
        ]
        screen.print(table(("kind", "name", "size", "last used"), rows, fixed=(0, 1, 2, 3)))
    if check and not wrong:
        screen.print("every file is as it was made")
    if wrong:
        raise typer.Exit(1)


def _amount(count: int, size: int) -> str:
    return "empty" if not count else f"{count} {'entry' if count == 1 else 'entries'}, {size / 1e6:.1f} MB"
