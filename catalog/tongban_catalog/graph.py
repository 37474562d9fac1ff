"""A drawing of an item's flow as Mermaid text, one box a step, grouped by department."""

from tongban_catalog.item import Item


def mermaid(item: Item) -> str:
    """Mermaid source. Dashed boxes are optional steps; a dotted arrow is a local habit without a law text."""
    lines = ["flowchart LR"]
    groups = {step.role: ", ".join(sorted(step.departments)) for step in item.steps}
    for role, departments in sorted(groups.items(), key=lambda group: group[1]):
        lines.append(f'  subgraph {role.replace("-", "_")}["{departments}"]')
        lines += [
            f'    {step.id}["{step.id} {step.name.zh}<br/>{step.name.en}"]' for step in item.steps if step.role == role
        ]
        lines.append("  end")
    for step in item.steps:
        for need in step.needs:
            arrow = "-.->" if all(basis.is_local_habit for basis in need.basis) else "-->"
            lines.append(f"  {need.step} {arrow} {step.id}")
    optional = [step.id for step in item.steps if step.when is not None]
    if optional:
        lines.append("  classDef optional stroke-dasharray: 5 5")
        lines.append(f"  class {','.join(optional)} optional")
    return "\n".join(lines) + "\n"
