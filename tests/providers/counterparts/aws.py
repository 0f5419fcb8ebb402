"""AWS: a moto server, and in front of it what moto has not."""

from providers.aws_errors import classify
from tests.providers.counterpart import MARK, Counterpart
from tests.providers.exchanges import Recording
from tests.providers.moto_aws import serving_aws

COUNTERPART = Counterpart(
    key="aws",
    recording=Recording.of("aws"),
    serve=serving_aws,
    credentials={"AWS_ACCESS_KEY_ID": MARK, "AWS_SECRET_ACCESS_KEY": MARK},
    environment=lambda url: {
        "TONNAGE_AWS_URL": url,
        "TONNAGE_AWS_REGIONS": "us-east-2,eu-north-1,ap-south-2",
        "TONNAGE_AWS_TYPES": "g6e.48xlarge,g6f.xlarge,p5.48xlarge,p5e.48xlarge,p6-b200.48xlarge",
    },
    classify=classify,
    second_page=lambda asked: b"NextToken" in asked.body,
    searches=("/", "/DescribeSavingsPlans"),
    sleeps_itself=True,
)
