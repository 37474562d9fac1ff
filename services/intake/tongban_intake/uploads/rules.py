"""Why a file is refused, and what the person can do. Pure, and light: the confined process loads it too."""

from collections.abc import Mapping
from typing import Final, Literal

MAX_BYTES: Final = 20 * 1024 * 1024
"""The largest file that is taken, and the largest that comes out of the conversion."""
MAX_PIXELS: Final = 50_000_000
"""Of a picture: more than phones make. A page of a document may hold pictures of no more either."""
MIN_SIDE: Final = 64
"""Pixels; nobody can read a smaller picture."""
MAX_PAGES: Final = 100

Rule = Literal[
    "empty",
    "too-large",
    "type-unknown",
    "type-text",
    "type-svg",
    "type-html",
    "type-office",
    "type-archive",
    "type-program",
    "type-film",
    "polyglot",
    "damaged",
    "too-small",
    "too-many-pixels",
    "several-pictures",
    "too-complex",
    "too-many-pages",
    "encrypted",
    "script",
    "embedded-file",
    "active-form",
    "multimedia",
    "outside-reference",
    "after-the-end",
    "infected",
]

Media = Literal["application/pdf", "image/jpeg", "image/png"]
"""What a file is after the conversion."""


class FileRefusedError(ValueError):
    """The file is not taken, by this rule."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule)
        self.rule: Rule = rule


_TAKEN_ZH = "请上传图片（JPEG、PNG、HEIC、AVIF、WebP、TIFF、BMP、GIF）或者 PDF 文件。"
_TAKEN_EN = "Bring a picture (JPEG, PNG, HEIC, AVIF, WebP, TIFF, BMP, GIF) or a PDF."
_PRINT_ZH = "请把它“打印”或“另存”为 PDF 后再上传。"
_PRINT_EN = "Print it to a new PDF, or save it as one, and bring that."

WORDS: Mapping[Rule, tuple[int, str, str]] = {
    "empty": (422, "文件是空的，请重新选择文件。", "The file is empty: choose it again."),
    "too-large": (
        413,
        "文件超过 20 MiB，请降低拍摄或扫描的分辨率，或者分页后再上传。",
        "The file is larger than 20 MiB: take or scan it at a lower resolution.",
    ),
    "type-unknown": (415, f"认不出这是什么文件。{_TAKEN_ZH}", f"This kind of file is not known. {_TAKEN_EN}"),
    "type-text": (415, f"这是纯文本。{_TAKEN_ZH}", f"This is plain text. {_TAKEN_EN}"),
    "type-svg": (
        415,
        f"不接受 SVG，它可能含有脚本。{_TAKEN_ZH}",
        f"SVG is not taken, because it can hold scripts. {_TAKEN_EN}",
    ),
    "type-html": (415, f"这是网页。{_PRINT_ZH}", f"This is a web page. {_PRINT_EN}"),
    "type-office": (
        415,
        f"不接受 Word、Excel、WPS、OFD 等办公文档。{_PRINT_ZH}",
        f"Office documents (Word, Excel, WPS, OFD) are not taken. {_PRINT_EN}",
    ),
    "type-archive": (
        415,
        f"不接受压缩包，请解压后逐个上传。{_TAKEN_ZH}",
        f"Archives are not taken: unpack it. {_TAKEN_EN}",
    ),
    "type-program": (415, f"这是程序，不能上传。{_TAKEN_ZH}", f"This is a program. {_TAKEN_EN}"),
    "type-film": (415, f"这是视频或录音。{_TAKEN_ZH}", f"This is a film or a sound. {_TAKEN_EN}"),
    "polyglot": (
        422,
        "文件里还藏着另一种文件，请重新拍照或扫描。",
        "Another file hides in this one: photograph or scan it again.",
    ),
    "damaged": (
        422,
        "文件损坏或不完整，请重新拍照、扫描或导出。",
        "The file is damaged or not complete: photograph, scan or export it again.",
    ),
    "too-small": (
        422,
        "图片太小，看不清内容，请重新拍照或扫描。",
        "The picture is too small to be read: photograph or scan it again.",
    ),
    "too-many-pixels": (
        422,
        "图片超过五千万像素，请降低分辨率。",
        "The picture has more than fifty million pixels: make it smaller.",
    ),
    "several-pictures": (
        422,
        "这是动图，请只上传一张图片。",
        "The picture moves: bring a single one.",
    ),
    "too-complex": (
        422,
        f"文件过于复杂，无法处理。{_PRINT_ZH}",
        f"The file takes too much to be read. {_PRINT_EN}",
    ),
    "too-many-pages": (
        422,
        "文件超过 100 页，请只保留需要的页。",
        "The document has more than 100 pages: keep those that are needed.",
    ),
    "encrypted": (
        422,
        f"文件有打开密码。{_PRINT_ZH}",
        f"The document opens with a password only. {_PRINT_EN}",
    ),
    "script": (
        422,
        f"文件含有脚本或自动执行的动作。{_PRINT_ZH}",
        f"The document holds scripts, or does things by itself. {_PRINT_EN}",
    ),
    "embedded-file": (
        422,
        f"文件里嵌有附件。{_PRINT_ZH}",
        f"Other files are attached inside the document. {_PRINT_EN}",
    ),
    "active-form": (
        422,
        f"文件含有动态表单（XFA）。{_PRINT_ZH}",
        f"The document is a dynamic form (XFA). {_PRINT_EN}",
    ),
    "multimedia": (
        422,
        f"文件含有音视频或三维内容。{_PRINT_ZH}",
        f"The document holds films, sounds or 3-D content. {_PRINT_EN}",
    ),
    "outside-reference": (
        422,
        f"文件引用了其他文件。{_PRINT_ZH}",
        f"The document refers to other files. {_PRINT_EN}",
    ),
    "after-the-end": (
        422,
        f"文件结尾之后还有别的内容。{_PRINT_ZH}",
        f"Something follows after the end of the document. {_PRINT_EN}",
    ),
    "infected": (
        422,
        "文件中发现病毒，没有保存。请检查您的设备，换一份文件。",
        "A virus was found in the file, and it was not kept: check your device and bring another file.",
    ),
}
"""Status, and what is said to the person in Chinese and English."""
