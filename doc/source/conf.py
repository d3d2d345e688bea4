"""Sphinx configuration of the site."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tools.specs import NEED_ID

project = 'Cyborg specs'
copyright = 'Cyborg specs maintainers'
root_doc = 'index'
# doc/source/specs is a link to specs/: the specs keep one home and one
# address.

extensions = [
    'openstackdocstheme',
    'sphinx_needs',
    'sphinxcontrib.rsvgconverter',
    'tools.changes',
    'tools.matrix',
    'tools.pdf',
    'tools.produced',
    'tools.seqdiag',
    'tools.site',
    'tools.decisions',
]

# --- theme ------------------------------------------------------------------
html_theme = 'openstackdocs'
html_theme_options = {
    # The site loads nothing from any other server.
    'analytics_tracking_code': '',
    'display_badge': False,
    'root_title': 'Cyborg specs',
    # 'toctree' lays out every page's name on every page: the build grows
    # with the square of the specs. tools/site.py gives the way to each spec.
    'sidebar_mode': 'toc',
}
html_title = 'Cyborg specs'
html_static_path = ['_static']
templates_path = ['_templates']
html_copy_source = False
html_use_index = False
html_baseurl = 'https://specs.openstack.org/openstack/cyborg-specs/'
openstackdocs_repo_name = 'openstack/cyborg-specs'
openstackdocs_bug_project = 'openstack-cyborg'
openstackdocs_bug_tag = 'specs'
openstackdocs_auto_name = False
openstackdocs_auto_version = False

# --- PDF --------------------------------------------------------------------
latex_documents = [(
    'index', 'doc-cyborg-specs.tex', project, copyright, 'manual')]
# Named here as well: the theme sets it after Sphinx has chosen the fonts.
latex_engine = 'xelatex'
latex_use_xindy = False
latex_elements = {
    # A figure stands where the text has it, and not after all of the text.
    'figure_align': 'H',
    'pointsize': '10pt',
    'preamble': r'\setlength{\headheight}{14.5pt}',
}

# --- requirements, failure modes, open questions ----------------------------
needs_types = [
    {'directive': 'req', 'title': 'Requirement', 'prefix': '',
     'color': '#ffffff', 'style': 'node'},
    {'directive': 'failure', 'title': 'Failure mode', 'prefix': '',
     'color': '#ffffff', 'style': 'node'},
    {'directive': 'question', 'title': 'Open question', 'prefix': '',
     'color': '#ffffff', 'style': 'node'},
    {'directive': 'decision', 'title': 'Decision', 'prefix': '',
     'color': '#ffffff', 'style': 'node'},
]
# OSACC-014, OSACC-F03, OSACC-Q02: a prefix of any length per spec.
needs_id_regex = f'^{NEED_ID.pattern}$'
needs_id_required = True
needs_fields = {
    'verified': {
        'description': 'Who looks, where neither model nor test does',
        'schema': {'type': 'string'},
        'default': '',
    },
    'standing': {
        'description': 'How a question or a decision stands',
        'schema': {'type': 'string', 'enum': [
            'agreed', 'open', 'contested', 'superseded']},
    },
    'log': {
        'description': 'Date and times (UTC) in the log of a meeting; of a '
                       'decision also who spoke',
        'schema': {'type': 'string'},
    },
}
needs_build_json = False
needs_schema_validation_enabled = False  # each field is checked by its own
needs_css = 'blank.css'  # the site's own style sheet dresses them
needs_layouts = {'plain': {'grid': 'simple', 'layout': {
    'head': ['<<meta("type_name")>>: **<<meta("title")>>** <<meta_id()>>'],
    'meta': ['<<meta("standing", prefix="Standing: ")>>',
             '<<meta("log", prefix="Argued: ")>>'],
}}}
needs_default_layout = 'plain'
needs_role_need_template = '{{ id }}'
