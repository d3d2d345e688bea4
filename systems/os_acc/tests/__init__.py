"""Tests of the reference os-acc, its plugins and their harness."""
