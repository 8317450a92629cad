"""The look that all figures share: type, ink, and labels that fit."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from importlib import import_module

import matplotlib as mpl
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

FONT = "DejaVu Sans"
# Packages of fonts (extra `cjk`), used where they are installed: Noto Sans SC and KR.
PACKAGES = ("pylopdf_fonts_zh_cn", "pylopdf_fonts_ko")
# Fonts for scripts that DejaVu lacks, tried in this order where they are installed; letters that
# none has are drawn as boxes, and the label gets a number.
FALLBACKS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "Noto Sans KR",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "SimHei",
    "Malgun Gothic",
    "Noto Sans",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Unifont",
    "Arial Unicode MS",
)
INK = "#1d2025"
SOFT = "#5b626d"
MISSING_FILL = "#c9ccd1"
DIAGONAL = "#eceef1"
STYLE = {
    "font.family": FONT,
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.labelsize": 8.5,
    "axes.edgecolor": "#9aa0a8",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "text.color": INK,
    # A label is a name: dollar signs in it are no mathematics.
    "text.parse_math": False,
    "hatch.linewidth": 0.6,
    # The same figure gives the same bytes.
    "svg.hashsalt": "behaviordist",
}


@lru_cache(maxsize=1)
def families() -> list[str]:
    """Return the fonts that figures use: ours, then those installed for other scripts."""
    from matplotlib.font_manager import fontManager

    for package in PACKAGES:
        with suppress(ImportError):
            fontManager.addfont(import_module(package).sans_path())
    installed = {font.name for font in fontManager.ttflist}
    return [FONT, *(name for name in FALLBACKS if name in installed)]


@lru_cache(maxsize=1)
def _letters() -> frozenset[int]:
    """Every character that one of `families` has."""
    from matplotlib.font_manager import findfont, get_font

    fonts = [get_font(findfont(FontProperties(family=name))) for name in families()]
    return frozenset(code for font in fonts for code in font.get_charmap())


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw and save inside this (or decorate a function with it)."""
    with mpl.rc_context({**STYLE, "font.family": families()}), warnings.catch_warnings():
        # Boxes of a script that no font has are numbered (`abbreviate`); tables spell them out.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        with _quiet(logging.getLogger("matplotlib.font_manager")):
            yield


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Silence warnings: a font for another script that has no bold face is no news to a reader."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def abbreviate(labels: Sequence[str], limit: int) -> list[str]:
    """Return the labels cut in their middle to `limit` characters, still telling one from another.

    Control characters become blanks. Labels that a cut makes equal get a number, and so do labels
    with letters that no installed font has: their place in the list.
    """
    clean = [re.sub(r"[\x00-\x1f\x7f\s]+", " ", label).strip() or "(blank)" for label in labels]
    head, tail = limit // 2, (limit - 1) // 2
    short = [x if len(x) <= limit else f"{x[:head]}…{x[-tail:]}" for x in clean]
    seen: dict[str, int] = {}
    result = []
    for text in short:
        seen[text] = seen.get(text, 0) + 1
        result.append(text if seen[text] == 1 else f"{text} ({seen[text]})")
    letters = _letters()
    return [
        text if all(ord(letter) in letters for letter in text) else f"{k + 1}: {text}"
        for k, text in enumerate(result)
    ]


def text_width(text: str, fontsize: float) -> float:
    """Return how wide (inches) a text is in the figures' font."""
    font = FontProperties(family=families(), size=fontsize)
    points, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(points) / 72
