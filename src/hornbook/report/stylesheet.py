"""The style of a page: light, dark and printed.

Color-blind people can distinguish the six series colors, which have a contrast of at least 4.5:1
to the background, so that names can have them too; the tests measure both.  The nine heat colors
go from the background to a strong blue.
"""

from __future__ import annotations

_LIGHT = {
    "ground": "#ffffff",
    "panel": "#f5f6f8",
    "ink": "#1b1f24",
    "quiet": "#59636e",
    "grid": "#e6e8eb",
    "rule": "#c9ced4",
    "shadow": "#59636e66",
    "on-pale": "#1b1f24",
    "on-strong": "#ffffff",
    "series": "#0066b3 #c2410c #047857 #a2357f #7d1cf0 #641400",
    "heat": "#eef3f9 #dbe7f3 #c3d8ec #a5c5e3 #82aed8 #5e95ca #3472b0 #2160a0 #0b4580",
}
_DARK = {
    "ground": "#14171b",
    "panel": "#1d2228",
    "ink": "#e8eaed",
    "quiet": "#a3acb6",
    "grid": "#2a3037",
    "rule": "#46505b",
    "shadow": "#a3acb699",
    "on-pale": "#f3f5f7",
    "on-strong": "#0c1116",
    "series": "#5bb0f2 #ff9a5c #3fcf9b #ee9ad0 #f7ee55 #8c72ff",
    "heat": "#1c2229 #20303f #254057 #2b5372 #32688f #336f99 #5a9bca #83b9e2 #b5d9f6",
}
_LETTERS = {
    "en": '"Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif',
    "zh": '"PingFang SC", "Noto Sans CJK SC", "Noto Sans SC", "Microsoft YaHei", sans-serif',
}


def _variables(theme: dict[str, str]) -> str:
    """Returns `--name: color;` for all of a theme; lists become `--series-0` and so on."""
    lines = []
    for name, colors in theme.items():
        parts = colors.split()
        names = [name] if len(parts) == 1 else [f"{name}-{i}" for i in range(len(parts))]
        lines += [f"--{key}: {color};" for key, color in zip(names, parts, strict=True)]
    return " ".join(lines)


def _numbered() -> str:
    series = "".join(
        f".series-{i} {{ --color: var(--series-{i}); fill: var(--color); }}\n"
        for i in range(len(_LIGHT["series"].split()))
    )
    heat = "".join(
        f".heat-{i} {{ fill: var(--heat-{i}); }}\n" for i in range(len(_LIGHT["heat"].split()))
    )
    return series + heat


_RULES = """
* { box-sizing: border-box; }
html { background: var(--ground); color: var(--ink); -webkit-text-size-adjust: 100%; }
body { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; line-height: 1.55;
  overflow-wrap: anywhere; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0; letter-spacing: -0.01em; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 2.6rem 0 0.8rem; padding-top: 1rem;
  border-top: 1px solid var(--grid); }
h3 { font-size: 1.05rem; margin: 1.8rem 0 0.5rem; }
p { margin: 0.6rem 0; max-width: 42rem; white-space: pre-line; }
.subtitle { color: var(--quiet); margin: 0.4rem 0 1.4rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 25rem), 1fr));
  gap: 1.6rem 2rem; align-items: start; margin: 1.2rem 0; }
figure { margin: 0; min-width: 0; max-width: 35rem; break-inside: avoid; }
figure.wide { grid-column: 1 / -1; max-width: none; overflow-x: auto; }
figcaption { font-size: 0.95rem; font-weight: 600; margin-bottom: 0.4rem; }
/* where a table is wider than the page, a shadow at its edge shows that there is more */
.scroll { overflow-x: auto; margin: 1rem 0; background:
  linear-gradient(to right, var(--ground) 40%, transparent) left / 2.5rem 100% no-repeat local,
  linear-gradient(to left, var(--ground) 40%, transparent) right / 2.5rem 100% no-repeat local,
  linear-gradient(to right, var(--shadow), transparent) left / 0.9rem 100% no-repeat scroll,
  linear-gradient(to left, var(--shadow), transparent) right / 0.9rem 100% no-repeat scroll; }
table { border-collapse: collapse; font-size: 0.93rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.35rem 0.9rem; text-align: left; vertical-align: top; white-space: pre-line;
  border-bottom: 1px solid var(--grid); min-width: 3rem; overflow-wrap: break-word; }
th:first-child, td:first-child { padding-left: 0; }
th { color: var(--quiet); font-weight: 600; border-bottom-color: var(--rule);
  overflow-wrap: normal; }
td.whole { white-space: nowrap; }
th.right, td.right { text-align: right; white-space: nowrap; }
th.center, td.center { text-align: center; }
dl { display: grid; grid-template-columns: fit-content(45%) 1fr; gap: 0.3rem 1.4rem;
  margin: 1rem 0; font-size: 0.95rem; }
dt { color: var(--quiet); overflow-wrap: normal; }
dd { margin: 0; white-space: pre-line; font-variant-numeric: tabular-nums; }
pre { background: var(--panel); border-radius: 6px; padding: 0.9rem 1.1rem; margin: 1rem 0;
  overflow-x: auto; font: 0.86rem/1.5 ui-monospace, "SF Mono", Consolas, "Noto Sans Mono",
  "Noto Sans Mono CJK SC", monospace; tab-size: 4; }
.images { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0; }
.images figure { max-width: 13rem; }
.images img { display: block; max-width: 100%; height: auto; min-height: 2rem;
  border-radius: 4px; background: var(--panel); }
.images figcaption { font-weight: 400; font-size: 0.88rem; margin: 0.3rem 0 0; }
.texts { list-style: none; padding: 0; max-width: 46rem; }
.texts li { margin: 0.7rem 0; line-height: 1.9; white-space: pre-line; }
.texts cite { color: var(--quiet); font-size: 0.82rem; font-style: normal; }
/* told apart by their lines as well: solid, dashed, struck through */
mark { color: inherit; background: var(--panel); border-bottom: 2px solid var(--rule);
  padding: 0.1rem 0; }
mark.right { border-bottom-color: var(--series-2); }
mark.missed { border-bottom: 2px dashed var(--series-0); }
mark.wrong { border-bottom-color: var(--series-1); text-decoration: line-through
  var(--series-1); }
mark.right.wrong { text-decoration: none; }
small.right { color: var(--series-2); }
small.missed { color: var(--series-0); }
small.wrong { color: var(--series-1); }
.texts small { font-size: 0.72rem; margin: 0 0.15rem; white-space: nowrap; }
svg.chart { display: block; width: 100%; height: auto; }
svg.wide { min-width: 46rem; }
svg text { font-size: 12.5px; fill: var(--ink); font-variant-numeric: tabular-nums; }
svg .tick, svg .label, svg .faint { fill: var(--quiet); }
svg .label { font-weight: 600; }
svg .number { fill: var(--ink); }
svg text.on-pale { fill: var(--on-pale); }
svg text.on-strong { fill: var(--on-strong); }
svg text.name { fill: var(--color); font-weight: 600; }
svg .halo { paint-order: stroke; stroke: var(--ground); stroke-width: 4px;
  stroke-linejoin: round; font-weight: 600; }
.grid { stroke: var(--grid); stroke-width: 1; }
.axis { stroke: var(--rule); stroke-width: 1; }
.diagonal { stroke: var(--quiet); stroke-width: 1; stroke-dasharray: 4 4; }
.line { fill: none; stroke: var(--color); stroke-width: 1.75; stroke-linejoin: round;
  stroke-linecap: round; }
.line.dashed { stroke-dasharray: 6 4; }
.line.dotted { stroke-dasharray: 1 4; }
circle.dashed, circle.dotted { fill: none; stroke: var(--color); stroke-width: 2; }
circle.dotted { stroke-dasharray: 2 2; }
.thin { stroke: var(--color); stroke-width: 1; }
.mark { fill: var(--ground); stroke: var(--ink); stroke-width: 2; }
.whisker { stroke: var(--ink); stroke-width: 1.5; }
.column { fill: var(--heat-5); }
.point { stroke: var(--ground); stroke-width: 0.75; fill-opacity: 0.85; }
rect.ground { fill: var(--heat-0); }
.empty { fill: none; stroke: var(--rule); stroke-dasharray: 4 4; }
.node { stroke: var(--heat-5); stroke-width: 1.25; }
.edge { fill: none; stroke: var(--quiet); stroke-opacity: 0.55; }
.arrow { fill: var(--quiet); }
@media (max-width: 30rem) {
  body { padding: 1.4rem 0.75rem 3rem; }
  h1 { font-size: 1.5rem; }
  th, td { padding: 0.35rem 0.55rem; }
}
@page { size: A4; margin: 16mm 15mm; }
@media print {
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  h2, h3, figcaption { break-after: avoid; }
  pre, .scroll { overflow: visible; }
  pre { white-space: pre-wrap; }
  tr, .images figure { break-inside: avoid; }
  thead { display: table-header-group; }
  .charts { grid-template-columns: 1fr 1fr; }
  svg.wide { min-width: 0; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""


def stylesheet(language: str) -> str:
    """Returns the style of a page in `language`."""
    return (
        f":root {{ color-scheme: light dark; {_variables(_LIGHT)} }}\n"
        "@media screen and (prefers-color-scheme: dark) {"
        f" :root {{ {_variables(_DARK)} }} }}\n"
        f"html {{ font-family: system-ui, {_LETTERS[language]}; }}\n" + _numbered() + _RULES
    )


LANGUAGES = tuple(_LETTERS)
