"""The rows of the national platform (国家政务服务平台) that the facts of cases amount to, as files.

``python -m tongban_intake exchange --out FOLDER``. `rows_of` is pure: the same set of facts gives the same rows, whatever the
order, so that exporting twice gives the same files and loading them twice by ``row_guid`` changes nothing.
"""

from tongban_intake.exchange.case import CaseFacts, Catalogue
from tongban_intake.exchange.mapping import Mapped, rows_of
from tongban_intake.exchange.rows import Problem, Row, problem_of
from tongban_intake.exchange.tables import TABLES, Column, Table

__all__ = ["TABLES", "CaseFacts", "Catalogue", "Column", "Mapped", "Problem", "Row", "Table", "problem_of", "rows_of"]
