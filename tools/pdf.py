"""What the PDF needs otherwise than the pages, as a Sphinx extension.

A page is as long as it has to be, and paper ends: a table has to go on on
the next sheet, and what a link leads to has to be a place in the text.
"""

from docutils import nodes

LATE = 10_000  # when boxes and tables of evidence are in their places


def fit(app, doctree, docname):
    """Make a page, with all that is filled in, one that can be printed."""
    if app.builder.format != 'latex':
        return
    for outer in list(doctree.findall(nodes.table)):
        # A table within a box cannot be broken: it comes after the box.
        place = outer.parent.index(outer) + 1
        for table in [*outer.findall(nodes.table)][1:]:
            table.parent.remove(table)
            outer.parent.insert(place, table)
            place += 1
    for table in doctree.findall(nodes.table):
        table['classes'].append('colwidths-given')
        if 'need' not in table['classes']:
            table['classes'].append('longtable')
            continue
        for row in list(table.findall(nodes.row)):  # a box stays whole
            if not row.astext().strip():
                row.parent.remove(row)
    for node in [*doctree.findall(nodes.row), *doctree.findall(nodes.rubric)]:
        place = next(node.findall(nodes.TextElement), None)
        if node['ids'] and place is not None:
            # A row or a rubric is no place for a link; its first words are.
            place.insert(0, nodes.target('', '', ids=node['ids']))
            node['ids'] = []


def setup(app):
    app.connect('doctree-resolved', fit, priority=LATE)
    return {'version': '1', 'parallel_read_safe': True,
            'parallel_write_safe': True}
