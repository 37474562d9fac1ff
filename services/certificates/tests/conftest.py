from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from tongban_certificates.credentials import load_credentials
from tongban_certificates.demo_ca import make_demo_ca
from tongban_certificates.document import Bilingual, CertificateContent, CertificateRenderer, DecisionLine
from tongban_certificates.signing import CertificateSigner

NUMBER = "1.2.156.3005.2.11990000000000019A001.11990000000000019A.20260000001.001.X"

MakeContent = Callable[..., CertificateContent]


@pytest.fixture
def make_content() -> MakeContent:
    def make(holder: str = "通办示范置业有限公司", decisions: int = 9) -> CertificateContent:
        return CertificateContent(
            title=Bilingual("企业投资项目并联审批办结证明", "Certificate of Joint Approval of an Investment Project"),
            holder=holder,
            holder_code="91990000MA00000195",
            holder_is_person=False,
            subject="示范产业园一期工程",
            item=Bilingual("企业投资项目审批", "Enterprise investment project"),
            decisions=tuple(
                DecisionLine(
                    Bilingual(f"审批事项之{index}", f"Decision {index}"),
                    Bilingual("住房和城乡建设局", "Housing and Urban-Rural Development Bureau"),
                    date(2026, 11, index),
                )
                for index in range(1, decisions + 1)
            ),
            number=NUMBER,
            replaces=None,
            issued_on=date(2026, 11, 24),
            valid_until=None,
            issuer=Bilingual("行政审批局", "Administrative Approval Bureau"),
            verification=f"http://127.0.0.1:8103/verify/{NUMBER}",
        )

    return make


@pytest.fixture(scope="session")
def renderer() -> CertificateRenderer:
    return CertificateRenderer()


@pytest.fixture(scope="session")
def signing_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("signing")
    make_demo_ca(directory)
    return directory


@pytest.fixture(scope="session")
def signer(signing_directory: Path) -> CertificateSigner:
    return CertificateSigner(load_credentials(signing_directory))
