"""Sentences of the product that ask nobody to do anything.

They are good news, names of things, or parts of other texts, with `…` for what varies. A sentence that the source
returns, yields or keeps in a table is either here or on docs/troubleshooting.md.
"""

DESCRIPTIONS = frozenset(
    {
        "it gave no reason",
        "… [cut short]…",
        ", written … ago",
        "the directory file",
        "the service provider",
        "what the token sees",
        "the offering's resources",
        "text/plain; charset=utf-8",
        "stopping: waiting for requests",
        "waiting for requests",
        "this offering",
        "the service provider's offerings",
        "the service provider's offerings of this category",
        "process … of uid …, since …",
        "its process did not say who it is",
        "… and … more",
        "Nova shows … servers, and all its cells answer",
        "Nova shows … servers",
        "Cinder shows … volumes",
        "… shows quotas of other projects",
        "… shows quotas",
        "… has … on …",
        "SLURM account",
        "SLURM account and QOS",
        "SLURM account and partition",
        "PrivateData is …",
        "PrivateData is unknown",
        "… is of SLURM …",
        "… is in the accounting database",
        "…; the user … sees all accounts",
        "the account root can be seen",
        "GET /… of …",
        "the user root can be seen",
        "root is who sees all",
        "the user … has AdminLevel …",
        "… can be read",
        "… (…) is asked in …",
        "the token's user … sees all accounts: …",
        "slurmrestd at …",
        "the token… from …, which … … UTC",
        "the token… from …",
        "…_PROXY in the environment",
    }
)
