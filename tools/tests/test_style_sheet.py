"""The style sheet knows every part of a diagram."""

import re
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from tools.seqdiag import render
from tools.seqdiag.svg import _luminance, _on_dark

ROOT = Path(__file__).resolve().parents[2]
# Text takes the diagram's own colour, which the sheet sets.
TEXT = {'node-label', 'edge-label', 'note-label', 'group-label',
        'fragment-label', 'fragment-guard', 'separator-label',
        'badge-label'}


def dark_rules():
    """The part of the style sheet for dark screens."""
    sheet = (ROOT / 'doc/source/_static/specs.css').read_text()
    start = sheet.index('@media screen and (prefers-color-scheme: dark)')
    return sheet[start:sheet.index('@media print')]


def uncovered(classes, rules):
    """The classes that the rules do not name."""
    return {name for name in classes - TEXT
            if not re.search(rf'\.{name}\b', rules)}


def _long(color):
    """``#abc`` as ``#aabbcc``."""
    return color if len(color) == 7 else '#' + ''.join(
        2 * digit for digit in color[1:])


class StyleSheet(unittest.TestCase):

    def test_dark_mode_paints_every_part(self):
        seen, diagrams = set(), 0
        for path in (ROOT / 'tools/tests/diagrams').glob('*.diag'):
            diagrams += 1
            for element in ElementTree.fromstring(
                    render(path.read_text())).iter():
                seen.update(element.get('class', '').split())
        seen -= {'seqdiag', 'actor', 'bare', 'line'}
        self.assertGreaterEqual(diagrams, 40)
        self.assertGreaterEqual(len(seen - TEXT), 10)
        self.assertEqual(set(), uncovered(seen, dark_rules()))

    def test_a_part_without_a_rule_is_found(self):
        self.assertEqual({'lifeline'}, uncovered(
            {'lifeline', 'note'}, dark_rules().replace('.lifeline', '')))

    def test_the_drawing_alone_is_dark_on_light(self):
        """It prints, and becomes PDF, without a style sheet."""
        checked = 0
        for element in ElementTree.fromstring(
                render('A -> B [label = "x", note = "n"];')).iter():
            stroke = element.get('stroke', 'none')
            if stroke != 'none' and element.get('paint-order') is None:
                self.assertLess(_luminance(_long(stroke)), 0.4)
                checked += 1
        self.assertGreaterEqual(checked, 6)

    def test_every_colour_becomes_legible_on_dark(self):
        checked = 0
        for red in range(0, 256, 51):
            for green in range(0, 256, 51):
                for blue in range(0, 256, 51):
                    lighter = _on_dark(f'#{red:02x}{green:02x}{blue:02x}')
                    self.assertRegex(lighter, '^#[0-9a-f]{6}$')
                    self.assertGreaterEqual(_luminance(lighter), 0.28)
                    checked += 1
        self.assertEqual(216, checked)


if __name__ == '__main__':
    unittest.main()
