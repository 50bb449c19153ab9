"""Embedding tables: how the vectors of all users, or of all items, are made of fewer rows than there are ids.

`form` reads what is typed, as in `hash:50%`; `table` is what all tables have in common, and one file is one kind:
`hash`, `qr`, `double`, `freqdouble`, `admit`. `placing` puts them in the place of a backbone's own tables, `usage`
measures them. `full`, a row for each id, is what a backbone makes itself.
"""
