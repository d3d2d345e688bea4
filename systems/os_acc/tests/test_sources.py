"""What only the text of common code and of the plugins shows: who speaks to
whom, and who knows a platform.
"""

import ast
import pathlib
import unittest

import os_acc
import os_acc_libvirt
import os_acc_novalink

from tests.base import shows

PLATFORMS = ('libvirt', 'novalink', 'powervm', 'qemu', 'kvm', 'hyperv', 'xen',
             'vmware', 'ironic', 'x86', 'amd64', 'i686', 'aarch64', 'arm64',
             'ppc64', 's390', 'riscv', 'uname', 'machine', 'hypervisor',
             'platform', 'virt_type')
OPENERS = ('to_builtins', 'asdict', 'astuple')
#: what a plugin may import: none of it leads to the control plane, to the
#: journal or to a VAN's fields
IMPORTS = {
    'abc', 'collections.abc', 'importlib', 'importlib.util', 'json',
    'msgspec', 'pathlib', 'platform', 'socket', 'time', 'typing',
    'xml.etree.ElementTree', 'libvirt', 'os_acc.objects', 'os_acc.plugin',
    'os_acc_libvirt.elements', 'os_acc_libvirt.host_socket',
    'os_acc_libvirt.plugin', 'pypowervm'}
FORCED = ('force_setattr', '__setattr__', '__dict__')


def trees(package):
    """File name -> tree of each module of a package."""
    return {file.name: ast.parse(file.read_text()) for file in sorted(
        pathlib.Path(package.__file__).parent.glob('*.py'))}


def words(tree):
    """All names that code uses, and its texts but for docstrings."""
    told = {id(node.value) for node in ast.walk(tree)
            if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        for field in ('id', 'attr', 'arg', 'name', 'module'):
            if isinstance(getattr(node, field, None), str):
                yield getattr(node, field)
        if (isinstance(node, ast.Constant) and isinstance(node.value, str)
                and id(node) not in told):
            yield node.value


def platforms(tree):
    """The words that name a platform."""
    return [word for word in words(tree) if word != 'PlatformData'
            and any(name in word.lower() for name in PLATFORMS)]


def opened(tree):
    """Where the content of platform data is looked at."""
    return [word for node in ast.walk(tree) for word in (
        getattr(node, 'attr', None), getattr(node, 'value', None),
        getattr(getattr(node, 'target', None), 'id', None))
        if word in ('data', *OPENERS)]


def imported(tree):
    """What is imported, by whatever statement or call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in (
                'importlib.import_module', '__import__'):
            name = node.args[0]
            first = name.values[0] if isinstance(name, ast.JoinedStr) else (
                name)
            yield getattr(first, 'value', ast.unparse(node))


class TestCommonCode(unittest.TestCase):
    @shows('OSACC-004')
    def test_it_opens_no_platform_data(self):
        found = {name: opened(tree)
                 for name, tree in trees(os_acc).items()}
        # The field is declared once, and nobody uses it.
        self.assertEqual(found.pop('objects.py'), ['data'])
        self.assertEqual({name: [] for name in found}, found)
        self.assertGreater(len(found), 9)
        self.assertEqual(['data'], opened(ast.parse(
            'x = van.handle_data.data["slot"]')))
        self.assertEqual(['data'], opened(ast.parse(
            'getattr(van.handle_data, "data")')))

    @shows('OSACC-005')
    def test_it_names_no_platform(self):
        found = {name: platforms(tree)
                 for name, tree in trees(os_acc).items()}
        self.assertEqual({name: [] for name in found}, found)
        self.assertGreater(len(found), 10)
        for text in ('x.libvirt', 'import platform', '"PCI" if f() == "ppc64"'
                     ' else ""'):
            self.assertTrue(platforms(ast.parse(text)), text)
        self.assertEqual([], platforms(ast.parse('"""Not libvirt."""')))


class TestPlugins(unittest.TestCase):
    """That a plugin of this folder keeps to its host is seen in what it
    takes in.
    """

    def setUp(self):
        self.trees = {**trees(os_acc_libvirt), **{
            f'novalink/{name}': tree
            for name, tree in trees(os_acc_novalink).items()}}
        self.assertGreater(len(self.trees), 5)

    @shows('OSACC-006')
    def test_it_has_no_way_to_the_api(self):
        """Neither a client nor a network: a socket is one of the host."""
        looked = 0
        for name, tree in self.trees.items():
            found = {one for one in imported(tree)
                     if one.partition('.')[0] != 'pypowervm'}
            self.assertLessEqual(found, IMPORTS, name)
            looked += len(found)
            families = [node.attr for node in ast.walk(tree)
                        if isinstance(node, ast.Attribute)
                        and ast.unparse(node.value) == 'socket']
            self.assertLessEqual(set(families), {
                'AF_UNIX', 'socket', 'send_fds', 'SOCK_STREAM'}, name)
        self.assertGreater(looked, 25)
        self.assertEqual(['os_acc.control', 'urllib.request', 'http'], list(
            imported(ast.parse('from os_acc.control import CyborgAPI\n'
                               'import urllib.request\n'
                               '__import__("http")'))))

    @shows('OSACC-007')
    def test_it_has_neither_the_journal_nor_a_van_that_changes(self):
        """A VAN is frozen, so what is left is force."""
        self.assertTrue(os_acc.objects.VAN.__struct_config__.frozen)
        for name, tree in self.trees.items():
            self.assertLessEqual({
                one for one in imported(tree)
                if one.startswith('os_acc.')},
                {'os_acc.objects', 'os_acc.plugin'}, name)
            self.assertEqual([], [word for word in words(tree)
                                  if word in FORCED
                                  or 'journal' in word.lower()], name)


if __name__ == '__main__':
    unittest.main()
