"""The commands of ``cyborg-models``, a module for each or for two that are
close; ``cli`` has their arguments.
"""
