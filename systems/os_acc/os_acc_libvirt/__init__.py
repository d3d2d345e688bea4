"""The plugin ``gpu-libvirt`` of ``specs/rocky/approved/gpu-plugin-x86.rst``.

``plugin`` is the plugin, ``elements`` makes libvirt's elements of attach
data, for the plugin and for the virt driver, and ``host_socket`` asks the
agent.
"""
