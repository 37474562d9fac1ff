"""The rules that a well-shaped item still has to keep. Pure: a rule takes the parsed data and yields problems."""

from tongban_catalog.problem import Rule
from tongban_catalog.rules.basics import codes, dates, known_bases, known_departments, known_roles, unique_ids
from tongban_catalog.rules.flow import flow
from tongban_catalog.rules.forms import chosen_roles, conditions, form, references
from tongban_catalog.rules.law import lawful
from tongban_catalog.rules.signing_in import from_sign_in
from tongban_catalog.rules.times import limits

STANDARD_RULES: tuple[Rule, ...] = (
    known_roles,
    known_bases,
    unique_ids,
    flow,
    limits,
    lawful,
    form,
    conditions,
    references,
    from_sign_in,
)
"""What a national standard keeps on its own."""

RULES: tuple[Rule, ...] = (codes, dates, known_departments, chosen_roles, *STANDARD_RULES)
"""Every rule on one item, after its shape is right."""
