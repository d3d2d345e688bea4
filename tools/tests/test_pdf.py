"""What is made of a page for paper."""

import types
import unittest

from docutils import nodes
from docutils.core import publish_doctree

from tools import matrix, pdf, site
from tools.tests import support, test_seqdiag_sphinx

TABLE = """\
.. list-table::
   :header-rows: 1
   :widths: 30 70

   * - Name
     - Value
   * - one
     - some words
"""
NESTED = """\
.. list-table::

   * - before

       .. list-table::

          * - inner

       after

behind
"""


def fitted(text, builder='latex', **classes):
    """The doctree of a page after :func:`tools.pdf.fit`."""
    doctree = publish_doctree(text)
    for table in doctree.findall(nodes.table):
        table['classes'] += classes.get('classes', [])
    app = types.SimpleNamespace(
        builder=types.SimpleNamespace(format=builder))
    pdf.fit(app, doctree, 'page')
    return doctree


class Fit(unittest.TestCase):

    def test_a_table_goes_on_on_the_next_sheet(self):
        [table] = fitted(TABLE).findall(nodes.table)
        self.assertIn('longtable', table['classes'])
        self.assertIn('colwidths-given', table['classes'])

    def test_a_box_stays_whole(self):
        [table] = fitted(TABLE + '   * -\n     -\n',
                         classes=['need']).findall(nodes.table)
        self.assertNotIn('longtable', table['classes'])
        self.assertEqual(2, len(list(table.findall(nodes.row))))

    def test_a_table_in_a_box_comes_after_it(self):
        doctree = fitted(NESTED)
        outer, inner = doctree.findall(nodes.table)
        self.assertIs(doctree, outer.parent)
        self.assertIs(doctree, inner.parent)
        self.assertEqual('before after', ' '.join(outer.astext().split()))
        self.assertEqual('inner', inner.astext().strip())
        self.assertEqual('behind', doctree.children[2].astext())

    def test_a_page_is_left_alone(self):
        before = publish_doctree(NESTED).pformat()
        self.assertEqual(before, fitted(NESTED, 'html').pformat())

    def test_a_row_that_a_link_leads_to(self):
        table = matrix.table(('A', 'B'), [['a', 'b']], (50, 50), 'name')
        row = list(table.findall(nodes.row))[1]
        row['ids'].append('here')
        doctree = publish_doctree('')
        doctree += table
        app = types.SimpleNamespace(
            builder=types.SimpleNamespace(format='latex'))
        pdf.fit(app, doctree, 'page')
        [target] = doctree.findall(nodes.target)
        self.assertEqual(['here'], target['ids'])
        self.assertEqual([], row['ids'])
        self.assertEqual('a', target.parent.astext())


class Build(test_seqdiag_sphinx.Project):

    def test_latex_has_a_long_table(self):
        conf = self.folder / 'src' / 'conf.py'
        support.write(conf, conf.read_text() + "extensions += ['tools.pdf']\n")
        self.write(index=TABLE)
        self.good(out='latex', builder='latex')
        [tex] = (self.folder / 'latex').glob('*.tex')
        self.assertIn(r'\begin{longtable}', tex.read_text('utf-8'))


class Parts(unittest.TestCase):
    """The head of a spec leads to what a reviewer looks for."""

    def test_a_section_with_its_boxes(self):
        doctree = publish_doctree(
            'Title\n=====\n\nFailure modes\n-------------\n\nText.\n\n'
            'Notes\n-----\n\nText.\n')
        [section] = [one for one in doctree.findall(nodes.section)
                     if one[0].astext() == 'Failure modes']
        for name in ('A-F01', 'A-F02', 'A-001'):
            section += site.Need(refid=name)
        self.assertEqual([('2 failure modes', 'failure-modes')],
                         site._parts(doctree))


if __name__ == '__main__':
    unittest.main()
