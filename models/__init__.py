# A package only so that the test runner finds models/tests from the root.
# The distribution is models/cyborg_models, imported as `cyborg_models`.
