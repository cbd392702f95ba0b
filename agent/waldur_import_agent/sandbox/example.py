"""A sandbox with something in it: for the demo and for `waldur-import-agent sandbox`."""

from waldur_import_agent.sandbox.instance import Sandbox
from waldur_import_agent.sandbox.objects import Offering


def example_sandbox() -> tuple[Sandbox, Offering]:
    """A provider with a SLURM cluster, and consumers whose projects' slugs fit accounts named `hpc_<slug>`.

    Two different projects share the slug `materials`, as nothing in Waldur forbids; one account is imported already.
    """
    sandbox = Sandbox()
    offering = sandbox.add_offering(
        "SLURM cluster", components=("cpu", "gpu", "ram", "storage"), provider="HPC Provider"
    )
    genomics = sandbox.add_project("Genomics of Arctic Plants", "genomics", customer="Institute of Biology")
    sandbox.add_project("Protein Folding", "proteins", customer="Institute of Biology")
    sandbox.add_project("Regional Climate Models", "climate", customer="Weather Service")
    sandbox.add_project("Turbulence and Flow", "cfd", customer="Faculty of Engineering")
    sandbox.add_project("Battery Materials", "materials", customer="Faculty of Engineering")
    sandbox.add_project("Galaxy Surveys", "astro", customer="Observatory")
    sandbox.add_project("Materials under Pressure", "materials", customer="Observatory")
    sandbox.add_resource(offering, genomics, "hpc_genomics_legacy", name="Genomics (legacy)")
    return sandbox, offering
