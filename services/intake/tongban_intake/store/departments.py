"""SQL of the departments' names."""

from tongban_runtime.database import Pool, Tx


async def names(connection: Tx | Pool) -> dict[str, tuple[str, str]]:
    """(Chinese, English) names by department id."""
    rows = await connection.fetch("SELECT id, name_zh, name_en FROM department")
    return {row["id"]: (row["name_zh"], row["name_en"]) for row in rows}
