"""One page of HTML on how good a network is, with its worst mistakes as pictures.

The page is a single file that asks no other host for anything: it can be mailed, kept
with a model, or opened years later.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np

from .calibration import given_digit, likeliest_digit
from .eval_results import Answers
from .eval_sets import Suite
from .evaluation_pictures import ACCENT, GREY, LINE, chart, draw_reliability, picture, svg
from .metrics import Figures
from .robustness import Row

MISTAKE_COUNT: Final = 40

_STYLE: Final = """
:root { color-scheme: light dark; --ground: #fff; --text: #1c2530; --soft: #5d6875;
  --rule: #d9dee4; --panel: #f4f6f8; --link: #1f5fae }
@media (prefers-color-scheme: dark) { :root { --ground: #14181d; --text: #e3e8ee;
  --soft: #98a3b0; --rule: #343c46; --panel: #1d232a; --link: #7fb2f0 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 72rem; padding: 1rem; background: var(--ground);
  color: var(--text); font: 16px/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; line-height: 1.25 } h2 { font-size: 1.2rem; margin-top: 2.5rem }
a { color: var(--link) } p, li { max-width: 45rem } .soft, figcaption { color: var(--soft) }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .6rem; border-bottom: 1px solid var(--rule); text-align: right }
th { font-weight: 600 } th:first-child { text-align: left }
.facts td { text-align: left; overflow-wrap: anywhere } .facts th { vertical-align: top }
.confusion td, .confusion th { padding: .2rem 0; width: 2.9rem; text-align: center }
.confusion td { background: rgb(217 87 107 / calc(.7 * var(--share, 0%))) }
.charts, .mistakes { display: grid; gap: 1rem }
.charts { align-items: end;
  grid-template-columns: repeat(auto-fill, minmax(min(16rem, 100%), 1fr)) }
.mistakes { grid-template-columns: repeat(auto-fill, minmax(10.5rem, 1fr)) }
figure { margin: 0 } .charts img { width: 100%; display: block }
.mistakes figure { background: var(--panel); border-radius: .4rem; padding: .5rem }
.pair { display: flex; gap: .4rem; height: 84px; align-items: center }
.pair span { flex: 0 0 calc(50% - .2rem); display: flex; justify-content: center }
.pair img { max-width: 100%; max-height: 84px; object-fit: contain }
.pair img.small { width: 84px; image-rendering: pixelated }
figcaption { font-size: .85rem } figcaption b { color: var(--text) }
@media (max-width: 30rem) { .wide { font-size: .78rem } th, td { padding: .3rem .15rem }
  .confusion { width: 100%; table-layout: fixed } .confusion td, .confusion th { width: auto }
  .mistakes { grid-template-columns: 1fr 1fr; gap: .5rem } .charts { gap: .5rem } }
"""


@dataclass(frozen=True)
class SuiteSection:
    """A suite and what was answered to it."""

    suite: Suite
    answers: Answers


@dataclass(frozen=True)
class Report:
    """What a report tells."""

    title: str

    provenance: dict[str, str]
    """What was measured, when and by what: the command, the commit, versions, dates."""

    sections: list[SuiteSection]

    letters_auroc: float | None
    """How well digits are told from letters; None where no letters are at hand."""

    robustness: tuple[Row, ...] | None
    """None where it was not measured."""

    notes: list[str]
    """Sentences for the reader, such as on what was left out."""


def write_report(path: Path, report: Report) -> None:
    """Write a report as one page of HTML, without pictures or styles beside it.

    Args:
        path: The file, overwritten where it exists; its folder exists.
        report: What is told.
    """
    path.write_text(page(report), "utf-8")


def page(report: Report) -> str:
    """Return a report as a page of HTML."""
    title = escape(report.title)
    parts = [f"<h1>{title}</h1>", _headline(report)]
    parts += [f'<p class="soft">{escape(note)}</p>' for note in report.notes]
    parts += [_confusion(part.answers) for part in report.sections if part.suite.name == "mnist"]
    parts.append(_reliability(report.sections))
    if report.robustness:
        parts.append(_robustness(report.robustness))
    parts += [_mistakes(section) for section in report.sections]
    facts = [(escape(name), escape(value)) for name, value in report.provenance.items()]
    parts += ["<h2>How this was measured</h2>", _table("facts", [], facts)]
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<style>{_STYLE}</style></head><body>
{"".join(part + chr(10) for part in parts if part)}</body></html>
"""


def _headline(report: Report) -> str:
    rows = []
    for section in report.sections:
        suite, answers = section.suite, section.answers
        right, error = "", ""  # of what is no digit, no answer is the right one
        if suite.has_digits:
            right, error = f"{answers.accuracy:.2%}", f"{answers.calibration_error:.2%}"
        link = f'<a href="#{escape(suite.name)}">{escape(suite.title)}</a>'
        rows.append((link, f"{len(suite.labels):,}", right, f"{answers.rejected_share:.2%}", error))
    headline = _table("", ["", "images", "right", "rejected", "calibration error"], rows)
    if report.letters_auroc is None:
        return headline
    return headline + (
        f"<p>Letters are told from digits with an AUROC of <b>{report.letters_auroc:.4f}</b>: "
        "the share of pairs of a digit and a letter in which the digit looks more like one.</p>"
    )


def _confusion(answers: Answers) -> str:
    """Return MNIST's confusion matrix, coloured by the mistakes alone."""
    counts = Figures.of(given_digit(answers.probs), answers.labels).confusion
    most = max(1, int((counts - np.diag(counts.diagonal())).max()))
    cells = [f'<tr><th scope="col"></th>{"".join(f"<th>{digit}</th>" for digit in range(10))}</tr>']
    for digit, row in enumerate(counts.tolist()):
        texts = [
            f"<td><b>{count}</b></td>"
            if answered == digit
            else f'<td style="--share:{count / most:.0%}">{count or "·"}</td>'
            for answered, count in enumerate(row)
        ]
        cells.append(f'<tr><th scope="row">{digit}</th>{"".join(texts)}</tr>')
    return (
        "<h2>Which digits of MNIST are taken for which</h2><p>The true digit down, the likeliest "
        'one across, whatever the verdict.</p><div class="wide"><table class="confusion">'
        f"{''.join(cells)}</table></div>"
    )


def _reliability(sections: Iterable[SuiteSection]) -> str:
    charts = []
    for section in sections:
        if section.suite.has_digits:
            figure, axes = chart()
            draw_reliability(axes, section.answers)
            axes.set_xlabel("confidence", color=GREY)
            axes.set_ylabel("share right", color=GREY)
            caption = f"{section.suite.title}: off by {section.answers.calibration_error:.2%}"
            charts.append(_figure(svg(figure), caption))
    if not charts:
        return ""
    return (
        "<h2>Whether confidence is what it says</h2><p>A dot is the answers of like confidence, "
        "its size their number, its height how many of them are right. Dots below the line are "
        f'too sure of themselves.</p><div class="charts">{"".join(charts)}</div>'
    )


def _robustness(rows: Sequence[Row]) -> str:
    plain = next(row for row in rows if row.disturbance == "none")
    lowest = min(row.right for row in rows)
    charts, cells = [], []
    for name, group in groupby((row for row in rows if row is not plain), lambda r: r.disturbance):
        steps = list(group)
        places = range(1, len(steps) + 1)
        figure, axes = chart()
        axes.axhline(plain.right, color=GREY, linewidth=1, linestyle="--")
        likeliest = [step.likeliest_right for step in steps]
        axes.plot(places, likeliest, color=LINE, marker="o", markersize=4)
        axes.plot(places, [step.right for step in steps], color=ACCENT, marker="o", markersize=4)
        axes.set_xticks(places, [f"{step.strength:g}" for step in steps])
        axes.set_xlabel(steps[0].unit, color=GREY)
        axes.set_ylim(np.floor(lowest * 10 - 0.2) / 10, 1.02)
        charts.append(_figure(svg(figure), name))
        texts = [f"{s.right:.1%}<br><small>at {s.strength:g}</small>" for s in steps]
        cells.append((escape(f"{name} ({steps[0].unit})"), *texts))
    return (
        "<h2>What disturbed images do to it</h2><p>The share of right answers "
        f'<b style="color:{ACCENT}">with the verdict</b> and <b style="color:{LINE}">of the '
        "likeliest digit, whatever the verdict</b>; the broken line is without disturbance, "
        f"{plain.right:.1%}. Pixels are those of a canvas of 300.</p>"
        f'<div class="charts">{"".join(charts)}</div><details><summary>The same in numbers, '
        f"with the verdict</summary>{_table('', [], cells)}</details>"
    )


def _mistakes(section: SuiteSection) -> str:
    """Return a suite's most confident mistakes: the image, the frame, and what was said."""
    suite, answers = section.suite, section.answers
    is_wrong = ~answers.is_right if suite.has_digits else ~answers.is_rejected
    sureness = np.where(answers.is_blank, 0, likeliest_digit(answers.probs))
    worst = np.argsort(-sureness, kind="stable")
    worst = worst[is_wrong[worst]]
    heading = f'<h2 id="{escape(suite.name)}">{escape(suite.title)}: '
    if not len(worst):
        return f"{heading}no mistakes</h2>"
    taken = int((is_wrong & ~answers.is_rejected).sum())
    what = f"{taken:,} taken for {'another' if suite.has_digits else 'a'} digit"
    if suite.has_digits:
        what += f", {len(worst) - taken:,} for none"
    if len(worst) > MISTAKE_COUNT:
        what += f"; the {MISTAKE_COUNT} that it was most sure of"
    pictures = "".join(_mistake(section, place) for place in worst[:MISTAKE_COUNT].tolist())
    count = "1 mistake" if len(worst) == 1 else f"{len(worst):,} mistakes"
    return (
        f"{heading}{count}</h2><p>{what}. Left the image, right what the network "
        f'saw of it.</p><div class="mistakes">{pictures}</div>'
    )


def _mistake(section: SuiteSection, place: int) -> str:
    suite, answers = section.suite, section.answers
    true = str(answers.labels[place]) if suite.has_digits else "no digit"
    digit, confidence = answers.digits[place], f"{answers.confidence[place]:.1%}"
    if answers.is_blank[place]:
        said = "blank"
    elif answers.is_rejected[place]:
        said = f"none</b>, else {digit}<b>"
    else:
        said = str(digit)
    frame = np.asarray(np.rint(answers.frames[place] * 255), np.uint8)
    caption = f"{true} → <b>{said}</b> · {confidence}"
    image = picture(suite.images[place], "image")
    pair = f"<span>{image}</span><span>{picture(frame, 'frame')}</span>"
    return f'<figure><div class="pair">{pair}</div><figcaption>{caption}</figcaption></figure>'


def _table(kind: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are HTML already, the first of each row its heading."""
    lines = [f"<tr>{''.join(f'<th>{escape(name)}</th>' for name in head)}</tr>"] if head else []
    lines += [
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    ]
    return f'<div class="wide"><table class="{kind}">{"".join(lines)}</table></div>'


def _figure(address: str, caption: str) -> str:
    text = escape(caption)
    return f'<figure><figcaption>{text}</figcaption><img src="{address}" alt="{text}"></figure>'
