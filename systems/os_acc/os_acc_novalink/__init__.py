"""The plugin ``ioslot-novalink`` of
``specs/rocky/approved/platform-plugins.rst``.
"""
