"""What ties the specs to the models: Sphinx extensions and checkers."""
