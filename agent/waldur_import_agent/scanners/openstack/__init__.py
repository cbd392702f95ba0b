"""The scanner `openstack`: the projects, servers and volumes of a cloud."""

from waldur_import_agent.scanners.openstack.scanner import OpenStackScanner

__all__ = ["OpenStackScanner"]
