"""Sphinx configuration of the release notes."""

extensions = ['openstackdocstheme', 'reno.sphinxext']
project = 'Cyborg specs release notes'
copyright = 'Cyborg specs maintainers'
root_doc = 'index'
html_theme = 'openstackdocs'
html_theme_options = {'analytics_tracking_code': '', 'display_badge': False}
openstackdocs_repo_name = 'openstack/cyborg-specs'
openstackdocs_bug_project = 'openstack-cyborg'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
