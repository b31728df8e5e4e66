"""Remembers on a host the files that its processes were started with, until a run has applied its
changes: what a run that did not end has replaced then differs from what is remembered.

Arguments: FOLDER OPERATION GROUP. Standard input: the topics of handlers, as JSON. ``remember``
takes ``{topic: [watched]}`` and keeps topics that are remembered already. The others take a list:
``owed`` prints the topics with a file that differs, ``owe`` makes topics differ, and ``applied``
forgets them. FOLDER is below ``/run``: after a reboot all processes use the present files.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

UNTIL = " until "
"""In ``PATH until TEXT``: only the part of the file before TEXT counts."""
PATTERN = "*"
"""In a path: the names of the files count, not their contents."""


def digest(watched: str) -> str:
    """What identifies the present state of a file, of a part of it, or of the names of a pattern;
    empty for a file that does not exist."""
    path, _, until = watched.partition(UNTIL)
    if PATTERN in path:
        return " ".join(sorted(str(each) for each in Path("/").glob(path.lstrip("/"))))
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        return ""
    if until:
        content = content.partition(until.encode())[0].strip()
    return hashlib.sha256(content).hexdigest()


def owed(kept: dict[str, Any]) -> list[str]:
    """The topics with something that differs; one without digests always differs."""
    return [
        topic
        for topic, files in kept.items()
        if files is None or any(digest(watched) != before for watched, before in files.items())
    ]


def main(folder: Path, operation: str, group: str, topics: Any) -> None:
    """Do one operation; a group that remembers nothing has no file."""
    file = folder / f"{group}.json"
    kept = json.loads(file.read_text()) if file.exists() else {}
    if operation == "owed":
        print("\n".join(topic for topic in owed(kept) if topic in topics))
        return
    if operation == "remember":
        kept = {topic: {each: digest(each) for each in topics[topic]} for topic in topics} | kept
    elif operation == "owe":
        kept |= dict.fromkeys(topics)
    else:
        kept = {topic: files for topic, files in kept.items() if topic not in topics}
    store(file, kept)


def store(file: Path, kept: dict[str, Any]) -> None:
    """Replace the file as a whole. Only root reads it: it has digests of secrets."""
    if not kept:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(mode=0o700, exist_ok=True)
    unfinished = file.with_suffix(".new")
    unfinished.write_text(json.dumps(kept))
    unfinished.replace(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], json.load(sys.stdin))
