def shows(*ids):
    """Say of a test that it fails when one of these requirements is broken:
    it is their evidence (``tools/shown.py`` reads it, ``planted.py`` here
    has the faults that it has to find).
    """
    def mark(test):
        test.shows = ids
        return test
    return mark
