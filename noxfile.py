"""Sessions for people who have nox: ``nox -s tests-3.12``, ``nox -s docs``; `.ci/run` does without."""

import pathlib

import nox

nox.options.sessions = ["lint", "tests"]


@nox.session(python=["3.11", "3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """All tests but the slow ones; ``-- -m slow`` runs those."""
    session.install(".[test]")
    session.run("python", "-m", "pytest", "-n", "2", "--dist", "worksteal", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Form and types."""
    session.install(".[test]")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session
def docs(session: nox.Session) -> None:
    """The site, strictly."""
    session.install(".[docs]")
    session.run("codespell", "docs", *map(str, pathlib.Path().glob("**/*.md")))
    session.run("mkdocs", "build", "--strict", "-f", "docs/mkdocs.yml", "-d", session.create_tmp())
