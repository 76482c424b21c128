"""Reports: one HTML page with charts drawn here, which needs nothing and nobody to be read."""

from hornbook.report.bar_chart import bar_chart, histogram
from hornbook.report.calibration_chart import calibration_chart
from hornbook.report.heat_map import heat_map
from hornbook.report.line_chart import line_chart
from hornbook.report.network_chart import network_chart
from hornbook.report.page import Page
from hornbook.report.scatter_chart import scatter_chart

__all__ = [
    "Page",
    "bar_chart",
    "calibration_chart",
    "heat_map",
    "histogram",
    "line_chart",
    "network_chart",
    "scatter_chart",
]
