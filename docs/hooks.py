"""Hooks of the documentation site (mkdocs.yml): pages outside `docs/`, and links to them.

The README is the front page, and CONTRIBUTING.md, CHANGELOG.md and the like are pages too.  Links
between pages are written relative to the file, as GitHub follows them; here they are rewritten to
where the page is on the site.  A link to a file that is no page (an example, a module) becomes a
code span.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
OUTSIDE = {
    "README.md": "index.md",
    "README.zh.md": "index.zh.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "SECURITY.md": "SECURITY.md",
    "benchmarks/RESULTS.md": "benchmarks/RESULTS.md",
}
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    for source, page in OUTSIDE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, files: Files, **_: Any) -> str:
    uri = Path(page.file.abs_src_path).relative_to(ROOT).as_posix()
    here = posixpath.dirname(OUTSIDE.get(uri, uri.removeprefix("docs/")))

    def rewrite(link: re.Match[str]) -> str:
        text, target, anchor = link[1], link[2], link[3] or ""
        path = posixpath.normpath(posixpath.join(posixpath.dirname(uri), target))
        if path in OUTSIDE or (path.startswith("docs/") and path.endswith((".md", ".svg"))):
            to = OUTSIDE.get(path, path.removeprefix("docs/"))
            return f"[{text}]({posixpath.relpath(to, here or '.')}{anchor})"
        if not (ROOT / path).exists():
            raise SystemExit(f"{uri}: the link to {target} leads nowhere.")
        return text if text.startswith("`") else f"{text} (`{path}`)"

    return LINK.sub(rewrite, markdown)
