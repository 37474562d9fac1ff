"""What can be wrong with what a register is given, and what is said of it: the rule, and never the value that breaks it."""

from collections.abc import Mapping
from typing import Final, Literal

from tongban_certificates.document import Bilingual

Rule = Literal[
    "holder", "no-values", "unknown-field", "not-text", "not-a-date", "not-yes-or-no", "not-a-number", "not-listed",
    "too-long", "characters", "not-of-kind", "formula", "error", "precision", "merged", "too-many-cells", "duplicate",
]  # fmt: skip

RULES: Final[Mapping[Rule, Bilingual]] = {
    "holder": Bilingual(
        "号码不是有效的公民身份号码或统一社会信用代码，请核对每一位",
        "the number is no valid citizen number or unified social credit code: check every character",
    ),
    "no-values": Bilingual("除号码外没有任何内容", "there is nothing beside the number"),
    "unknown-field": Bilingual("资源目录中没有这个信息项", "the resource has no such field"),
    "not-text": Bilingual("应为文字", "it must be text"),
    "not-a-date": Bilingual(
        "不是只有一种读法的日期；可用 2026-02-02、2026/2/2、2026.2.2、2026年2月2日、20260202，或日期格式的单元格",
        "it is no date with a single reading: write 2026-02-02, 2026/2/2, 2026.2.2, 2026年2月2日 or 20260202, "
        "or use a cell in a date format",
    ),
    "not-yes-or-no": Bilingual(
        "应填“是”或“否”；也可用 有/无、对/错、√/×、1/0、true/false、yes/no",
        "it must be yes or no; also read are 是/否, 有/无, 对/错, √/×, 1/0 and true/false",
    ),
    "not-a-number": Bilingual(
        "应为不超过 15 位的整数，不带千分位和单位",
        "it must be a whole number of 15 digits at most, without separators or a unit",
    ),
    "not-listed": Bilingual("不在规定的取值之内", "it is none of the values that the field can have"),
    "too-long": Bilingual("超过 1000 个字", "it is longer than 1000 characters"),
    "characters": Bilingual("含有控制字符或看不见的字符", "it has control characters or invisible ones"),
    "not-of-kind": Bilingual("不是信息项规定的一类内容", "it is not of the kind that the field holds"),
    "formula": Bilingual("是公式；请改为数值后再导入", "it is a formula: put the value in its place"),
    "error": Bilingual("是表格软件的错误提示，例如 #N/A", "it is an error of the spreadsheet, such as #N/A"),
    "precision": Bilingual(
        "是 16 位以上的数值或科学计数，表格软件只保留 15 位，原来的数字已经丢失；请把该列设为文本格式后重新填写",
        "it is a number of 16 digits or more, or in scientific notation: spreadsheets keep 15 digits, the others are lost; "
        "format the column as text and type it again",
    ),
    "merged": Bilingual(
        "属于合并单元格，看不出本行的值；请取消合并，逐行填写",
        "it is part of a merged cell, which does not say the value of this row: unmerge the cells and fill in each row",
    ),
    "too-many-cells": Bilingual("单元格比表头多", "the row has more cells than the header"),
    "duplicate": Bilingual(
        "同一号码在文件中不止一行，看不出以哪一行为准；请只保留一行",
        "the same number stands in more than one row, which does not say which one counts: keep one row",
    ),
}


class FaultError(ValueError):
    """A value breaks a rule of the register."""

    def __init__(self, rule: Rule, words: Bilingual | None = None) -> None:
        """``words``: what exactly is wrong, where more is known than the rule says; never the value."""
        super().__init__(rule)
        self.rule: Rule = rule
        self.words = words


TableFault = Literal[
    "too-large", "too-many-rows", "too-many-columns", "empty", "encoding", "csv", "old-excel", "workbook", "macros", "merged",
    "unpacks-too-large", "unknown-columns", "missing-columns", "twice-a-column", "several-sheets", "no-such-sheet",
]  # fmt: skip

WORDS: Final[Mapping[TableFault, Bilingual]] = {
    "too-large": Bilingual("文件超过 10 MiB，请分批导入。", "The file is larger than 10 MiB: import it in parts."),
    "too-many-rows": Bilingual("超过 50000 行，请分批导入。", "There are more than 50,000 rows: import them in parts."),
    "too-many-columns": Bilingual("超过 100 列。", "There are more than 100 columns."),
    "empty": Bilingual("文件里没有表头。", "The file has no header."),
    "encoding": Bilingual(
        "编码无法识别，请另存为 UTF-8 或 GB18030 的 CSV。",
        "The encoding is not known: save it as CSV in UTF-8 or GB 18030.",
    ),
    "csv": Bilingual(
        "CSV 格式不完整，例如引号没有成对。", "The CSV is not well-formed: a quotation mark may not be closed."
    ),
    "old-excel": Bilingual(
        "不支持旧版 .xls，请另存为 .xlsx 或 CSV。", "Old .xls is not supported: save it as .xlsx or CSV."
    ),
    "workbook": Bilingual(
        "工作簿无法读取，请重新另存为 .xlsx。", "The workbook cannot be read: save it as .xlsx again."
    ),
    "macros": Bilingual(
        "工作簿含宏，请另存为不含宏的 .xlsx。", "The workbook has macros: save it as .xlsx without them."
    ),
    "merged": Bilingual(
        "合并单元格太多，请取消合并后再导入。", "There are too many merged cells: unmerge them, then import."
    ),
    "unpacks-too-large": Bilingual(
        "工作簿解压后过大，请分批导入。", "The workbook unpacks to too much: import it in parts."
    ),
    "unknown-columns": Bilingual(
        "表头有资源目录之外的列；可用的列见 allowed，或下载模板。",
        "The header has columns that the resource does not have; allowed names those that it has, and there is a template.",
    ),
    "missing-columns": Bilingual(
        "表头缺少列；请补上，或下载模板。", "The header lacks columns: add them, or use the template."
    ),
    "twice-a-column": Bilingual("表头有重复的列，请只保留一列。", "The header has a column twice: keep one of them."),
    "several-sheets": Bilingual(
        "不止一张工作表有登记内容，请写明导入哪一张。", "More than one sheet has records: name the one to import."
    ),
    "no-such-sheet": Bilingual(
        "没有这张工作表；文件里的工作表见 sheets。",
        "There is no such sheet; sheets names those of the file.",
    ),
}


class TableError(ValueError):
    """A file that is not taken at all.

    ``columns`` are columns as people find them (``C 手机号``) or ids of fields, ``allowed`` the ids and names that a header may
    have, ``sheets`` names of sheets.
    """

    def __init__(
        self,
        fault: TableFault,
        columns: tuple[str, ...] = (),
        *,
        allowed: tuple[str, ...] = (),
        sheets: tuple[str, ...] = (),
    ) -> None:
        super().__init__(fault)
        self.fault: TableFault = fault
        self.columns = columns
        self.allowed = allowed
        self.sheets = sheets
