"""`python -m documentation`: write what is generated. The tests find what is not current."""

from documentation.outputs import write

write()
