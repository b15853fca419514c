"""Check the links of every Markdown file: relative paths lead to a file, anchors to a heading. Nothing is fetched."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

_FENCE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"!?\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|^\[[^\]]+\]:\s+(\S+)", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*\s*$", re.MULTILINE)
_ELSEWHERE = re.compile(r"^[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def anchors(text: str) -> set[str]:
    """Return the anchors that the headings of a Markdown text get: lower case, words joined by hyphens.

    >>> sorted(anchors("# The house\\n## Two words, one `code`\\n## The house"))
    ['the-house', 'the-house-1', 'two-words-one-code']
    """
    found: set[str] = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        words = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower())
        plain = words.strip().replace(" ", "-")
        anchor, count = plain, 0
        while anchor in found:
            count += 1
            anchor = f"{plain}-{count}"
        found.add(anchor)
    return found


def broken_links(file: Path, root: Path) -> Iterator[str]:
    """Yield a line for each link of `file` that leads nowhere; links to other sites are not followed."""
    text = file.read_text(encoding="utf-8")
    for inline, reference in _LINK.findall(_CODE.sub("", _FENCE.sub("", text))):
        link = inline or reference
        if _ELSEWHERE.match(link):
            continue
        path, _, anchor = link.partition("#")
        target = file if not path else (root / path.lstrip("/") if path.startswith("/") else file.parent / path)
        if not target.exists():
            yield f"{file.relative_to(root)}: {link}: no such file"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text(encoding="utf-8")):
            yield f"{file.relative_to(root)}: {link}: no such heading"


def markdown_files(root: Path) -> list[Path]:
    """Return the Markdown files of the repository: tracked or new, not ignored."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode == 0:
        return [root / line for line in listing.stdout.splitlines() if (root / line).is_file()]
    return [
        path for path in root.rglob("*.md") if not any(part.startswith(".") for part in path.relative_to(root).parts)
    ]


def main() -> int:
    """Check every Markdown file and print what is broken."""
    root = Path(__file__).resolve().parents[1]
    broken = [line for file in markdown_files(root) for line in broken_links(file, root)]
    print("\n".join(broken), file=sys.stderr, end="\n" if broken else "")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
