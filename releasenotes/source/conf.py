"""Sphinx configuration of the release notes."""

extensions = ['openstackdocstheme', 'reno.sphinxext']
project = 'Cyborg specs release notes'
copyright = 'Cyborg specs maintainers'
root_doc = 'index'
html_theme = 'openstackdocs'
# The documents' style sheet serves here too.
html_static_path = ['../../doc/source/_static']
templates_path = ['_templates']
html_theme_options = {
    'analytics_tracking_code': '', 'display_badge': False,
    'sidebar_mode': 'toc'}
html_use_index = False
openstackdocs_repo_name = 'openstack/cyborg-specs'
openstackdocs_bug_project = 'openstack-cyborg'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
