"""Draws the ratios to f and the growth as pictures; needs the extra `bench`."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.ticker import LogLocator

from benchmarks.graph.documents import TITLES, Question
from benchmarks.graph.figures import GOALS, LONGER_PAGES, MORE_DATA, Figures, Place

_COLOURS = ("#6b7280", "#0b6e4f", "#7fb69e", "#c8553d", "#e0a458", "#3d5a80", "#7d83b5", "#a58fb5")
_TEXT, _GRID = "#24292f", "#d9dce1"
_PLATE = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
"""Behind a figure, so that no line runs through it."""
_STYLE: Any = {
    "font.size": 9,
    "text.color": _TEXT,
    "axes.labelcolor": _TEXT,
    "ytick.color": _TEXT,
    "xtick.color": _TEXT,
}


def draw(figures: Figures, titles: dict[str, str], path: Path) -> None:
    """A panel for each query: a point for each contestant, on a scale of powers, the goal as a line."""
    queries = sorted({place.question.query for place in figures.rounds})
    rows = (len(queries) + 1) // 2
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(rows, 2, figsize=(11, 2.4 * rows), layout="constrained", squeeze=False)
        for axis in axes.flat[len(queries) :]:
            axis.set_visible(False)
        for axis, query in zip(axes.flat, queries, strict=False):
            _panel(axis, figures, titles, query)
        figure.suptitle("Server CPU of a request as a ratio to a hand-written route (f), one request at a time")
        figure.savefig(path, dpi=130)
        plt.close(figure)


def _panel(axis: Any, figures: Figures, titles: dict[str, str], query: str) -> None:
    places = {name: Place(Question.of(query), name, 1) for name in titles}
    found = {name: figures.ratio(place) or 0.0 for name, place in places.items() if place in figures.rounds}
    colours = dict(zip(titles, cycle(_COLOURS), strict=False))
    for height, (name, ratio) in enumerate(found.items()):
        axis.hlines(height, 1, ratio, color=colours[name], linewidth=2)
        axis.plot(ratio, height, "o", color=colours[name], markersize=7)
        axis.annotate(f"{ratio:.2f}", (ratio, height), (7, 0), textcoords="offset points", va="center", bbox=_PLATE)
    axis.set_yticks(range(len(found)), labels=[titles[name] for name in found])
    axis.axvline(GOALS[query], color=_TEXT, linewidth=1, linestyle=":")
    axis.set_xscale("log")
    axis.set_xlim(min(0.7, *found.values()) * 0.9, max(20.0, *found.values()) * 1.7)
    axis.set_xticks([1, 2, 5, 10, 20], labels=["1", "2", "5", "10", "20"])
    axis.set_ylim(len(found) - 0.4, -0.6)
    _dress(axis, f"{query}: {TITLES[query]} (goal ≤ {GOALS[query]})")


def draw_growth(growth: Figures, path: Path) -> None:
    """Two panels, more data and longer pages: a line for each query, Skyledger's whole and f's broken."""
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
        titles = ("Resources of the organization", "Length of the page")
        for axis, asked, title in zip(axes, (MORE_DATA, LONGER_PAGES), titles, strict=True):
            for colour, (query, steps) in zip(_COLOURS[1:], asked.items(), strict=False):
                sizes = [size for size, _ in steps]
                for name, line in (("skyledger", "o-"), ("f", ".:")):
                    spent = [growth.median(Place(question, name, 1)).cpu * 1e3 for _, question in steps]
                    label = f"{query} Skyledger" if name == "skyledger" else f"{query} f"
                    axis.plot(sizes, spent, line, color=colour, label=label, linewidth=1.5)
            axis.set_xscale("log")
            axis.set_yscale("log")
            axis.set_xticks(sizes, labels=[f"{size:,}" for size in sizes])
            axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.yaxis.set_major_formatter("{x:g}")
            axis.legend(fontsize=7, ncols=2, frameon=False)
            _dress(axis, f"{title}: server CPU of a request, ms")
        figure.savefig(path, dpi=130)
        plt.close(figure)


def _dress(axis: Any, title: str) -> None:
    axis.minorticks_off()
    axis.set_title(title, loc="left", fontsize=9, fontweight="bold")
    axis.grid(axis="x", color=_GRID, linewidth=0.6)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
