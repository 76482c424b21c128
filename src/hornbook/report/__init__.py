"""Reports: a self-contained HTML page with SVG charts; no network, no JavaScript."""

from hornbook.report.charts.bar import bar_chart, histogram
from hornbook.report.charts.calibration import calibration_chart
from hornbook.report.charts.heat_map import heat_map
from hornbook.report.charts.line import line_chart
from hornbook.report.charts.network import network_chart
from hornbook.report.charts.scatter import scatter_chart
from hornbook.report.marked_text import Mark
from hornbook.report.page import Page

__all__ = [
    "Mark",
    "Page",
    "bar_chart",
    "calibration_chart",
    "heat_map",
    "histogram",
    "line_chart",
    "network_chart",
    "scatter_chart",
]
