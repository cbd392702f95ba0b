"""What makes the documentation: the generated pages, the man page, shell completion, and the site's hooks."""
