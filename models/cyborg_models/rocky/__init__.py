"""The os-acc design of Rocky as executable models.

Each follows ``specs/rocky/approved/os-acc.rst``; the ids in the guards are
the requirements of that document.  Begin with :mod:`~.lifecycle`, then
:mod:`~.attach`, :mod:`~.program` and :mod:`~.release`; :mod:`~.system` is
the three together.  What goes missing, a device or a record, is in
:mod:`~.losses`; what else Nova does with an instance in :mod:`~.moves`; a
region that is written without one in :mod:`~.operators`.
"""
