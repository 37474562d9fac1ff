import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.spi.x509.revocation.crl.ExternalResourcesCRLSource;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;

/**
 * What DSS finds of signed PDFs: {@code java Validate.java CA.pem CA.crl FILE...} prints a line for each, its indication, sub-indication
 * ("-" for none) and format. Nothing is fetched.
 */
public final class Validate {
    public static void main(String[] arguments) throws IOException {
        var trusted = new CommonTrustedCertificateSource();
        trusted.addCertificate(DSSUtils.loadCertificate(new File(arguments[0])));
        var verifier = new CommonCertificateVerifier();
        verifier.setTrustedCertSources(trusted);
        verifier.setCrlSource(new ExternalResourcesCRLSource(new FileInputStream(arguments[1])));
        for (int index = 2; index < arguments.length; index++) {
            var validator = SignedDocumentValidator.fromDocument(new FileDocument(arguments[index]));
            validator.setCertificateVerifier(verifier);
            var report = validator.validateDocument().getSimpleReport();
            var signature = report.getFirstSignatureId();
            var why = report.getSubIndication(signature);
            System.out.println(report.getIndication(signature) + " " + (why == null ? "-" : why) + " " + report.getSignatureFormat(signature));
        }
    }
}
