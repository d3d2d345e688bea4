"""A small reference os-acc: what ``specs/rocky/approved/os-acc.rst`` says.

:class:`~os_acc.library.Library` has the library's calls by their names in
the spec.  What is a VAN stands in :mod:`~os_acc.objects`, what a plugin owes
in :mod:`~os_acc.plugin`; the transitions T01 to T25 are in
:mod:`~os_acc.steps` and, as far as the Cyborg API has a part in them, in
:mod:`~os_acc.records`.
"""
