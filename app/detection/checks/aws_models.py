"""SageMaker and Bedrock: endpoints, notebooks, apps and provisioned throughput that nobody uses."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import Final

from app.detection.check import LOOKBACK_DAYS, MIN_AGE_DAYS, Area, Check, Daily, Metric, Parameter, days
from app.detection.facts import Facts
from app.detection.finding import Evidence, Finding
from app.detection.reckoning import required, unused
from app.detection.savings import Part, hours, unknown, whole
from app.records import Provider
from app.records.detection import Confidence, Remedy, Saving, Severity

ENDPOINT: Final = "AWS::SageMaker::Endpoint"
NOTEBOOK: Final = "AWS::SageMaker::NotebookInstance"
APP: Final = "AWS::SageMaker::App"
THROUGHPUT: Final = "AWS::Bedrock::ProvisionedModelThroughput"
_VARIANT: Final = (("EndpointName", "name"), ("VariantName", "properties.variantNames"))
_FREE: Final = frozenset({None, "system"})
"""What an app that only shows pages runs on."""


def _endpoint_parts(facts: Facts) -> list[Part]:
    return [
        hours(
            f"sagemaker.endpoint.{variant['instanceType']}",
            f"hours of {variant['name']}",
            Decimal(variant.get("instanceCount") or 0),
        )
        for variant in facts.subject.items("variants")
        if variant.get("instanceType")
    ]


def _endpoint_idle(facts: Facts) -> Finding | None:
    endpoint = facts.subject
    # An asynchronous one is given work by a queue, and may scale to zero by itself.
    if endpoint.status != "InService" or endpoint.flag("async"):
        return None
    parts = _endpoint_parts(facts)
    if not parts:
        return None  # serverless: paid by the request
    shown = unused(facts, "invocations", unit="invocations")
    return None if shown is None else Finding(whole(facts, *parts), shown)


def _notebook_running(facts: Facts) -> Finding | None:
    notebook = facts.subject
    since = notebook.moment("lastModifiedAt") or facts.status_since()
    if notebook.status != "InService" or notebook.text("lifecycleConfig") is not None:
        return None  # a lifecycle configuration is what stops one when it is idle
    if not facts.is_older(since, MIN_AGE_DAYS):
        return None
    code = f"sagemaker.notebook.{required(notebook, 'instanceType')}"
    return Finding(whole(facts, hours(code, "hours")), (Evidence("running since", since.isoformat()),))


def _app_idle(facts: Facts) -> Finding | None:
    app = facts.subject
    kind = app.text("instanceType")
    if app.status != "InService" or kind in _FREE:
        return None
    used = app.moment("lastUserActivityAt") or app.created_at or app.first_seen_at
    if not facts.is_older(used, MIN_AGE_DAYS):
        return None
    return Finding(
        saving=whole(facts, hours(f"sagemaker.studio.{kind}", "hours")),
        evidence=(Evidence("last activity of its user", used.isoformat()),),
    )


def _throughput_saving(facts: Facts) -> Saving:
    throughput = facts.subject
    ends = throughput.moment("commitmentEndsAt")
    if ends is not None and ends > facts.now:
        return unknown(f"It is committed to and paid until {ends.date()}; it can be saved from then on.")
    model = (throughput.text("foundationModelArn") or required(throughput, "modelArn")).rpartition("/")[2]
    return whole(facts, hours(f"bedrock.unit.{model.lower()}", "model unit hours", throughput.number("modelUnits")))


def _throughput_idle(facts: Facts) -> Finding | None:
    if facts.subject.status != "InService":
        return None
    upto = facts.threshold("invocationsPerDay")
    shown = unused(facts, "invocations", unit="invocations", upto=upto)
    return None if shown is None else Finding(_throughput_saving(facts), shown)


_check = partial(Check, provider=Provider.AWS, area=Area.AI)
_SAGEMAKER: Final = "https://docs.aws.amazon.com/sagemaker/latest/dg/"
_PRICING: Final = "https://aws.amazon.com/sagemaker/ai/pricing/"

CHECKS: Final = (
    _check(
        id="aws.sagemaker.endpoint_idle",
        title="Endpoint of a model that nobody invokes",
        description="The instances behind an endpoint are paid by the hour, whether anybody asks the model or not.",
        resource_types=(ENDPOINT,),
        severity=Severity.HIGH,
        confidence=Confidence.LIKELY,
        remedy=Remedy.DELETE,
        remediation="Delete the endpoint: its model and configuration stay, so it can be made again. For few requests "
        "take a serverless endpoint.",
        find=_endpoint_idle,
        properties=("variants", "variantNames", "async"),
        prices=("sagemaker.endpoint.*",),
        saving="The hours of the instances of all variants.",
        parameters=(days(LOOKBACK_DAYS, 14, "How many days have to pass without an invocation.", most=90),),
        metrics=(Metric("invocations", "Invocations", Daily.SUM, "AWS/SageMaker", _VARIANT, silent_at_zero=True),),
        links=(_SAGEMAKER + "monitoring-cloudwatch.html", _PRICING),
    ),
    _check(
        id="aws.sagemaker.notebook_running",
        title="Notebook instance that is never stopped",
        description="A notebook instance is paid by the hour while it runs, also at night, and stops by itself only "
        "where a lifecycle configuration does it.",
        resource_types=(NOTEBOOK,),
        severity=Severity.MEDIUM,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.STOP,
        remediation="Stop it when nobody works with it, and give it a lifecycle configuration that stops it when idle.",
        find=_notebook_running,
        properties=("instanceType", "lifecycleConfig", "lastModifiedAt"),
        prices=("sagemaker.notebook.*",),
        saving="All hours of a month, at the most.",
        parameters=(days(MIN_AGE_DAYS, 1, "How long it has to run without a break."),),
        links=(_SAGEMAKER + "nbi.html", _PRICING),
    ),
    _check(
        id="aws.sagemaker.app_idle",
        title="App of SageMaker Studio that its user has left",
        description="An app is paid by the hour until somebody shuts it down; closing the browser does not.",
        resource_types=(APP,),
        severity=Severity.MEDIUM,
        confidence=Confidence.LIKELY,
        remedy=Remedy.STOP,
        remediation="Delete the app, its files stay; switch on idle shutdown for the domain.",
        find=_app_idle,
        properties=("instanceType", "lastUserActivityAt"),
        prices=("sagemaker.studio.*",),
        saving="All hours of a month.",
        parameters=(days(MIN_AGE_DAYS, 1, "How long its user has to have done nothing."),),
        links=(_SAGEMAKER + "studio-updated-idle-shutdown.html", _PRICING),
    ),
    _check(
        id="aws.bedrock.pt_idle",
        title="Provisioned throughput of a model that nobody invokes",
        description="Model units are paid by the hour, and cost far more than the tokens of few requests.",
        resource_types=(THROUGHPUT,),
        severity=Severity.HIGH,
        confidence=Confidence.POSSIBLE,
        remedy=Remedy.DELETE,
        remediation="Delete it if no commitment runs, else let the commitment end; ask the model on demand instead.",
        find=_throughput_idle,
        properties=("modelUnits", "modelArn", "foundationModelArn", "commitmentEndsAt"),
        prices=("bedrock.unit.*",),
        saving="The hours of its model units; nothing before a commitment ends.",
        parameters=(
            Parameter("invocationsPerDay", Decimal(0), "invocations", "No day may have had more than this."),
            days(LOOKBACK_DAYS, 7, "How many days are looked at.", most=90),
        ),
        metrics=(
            Metric("invocations", "Invocations", Daily.SUM, "AWS/Bedrock", (("ModelId", "id"),), silent_at_zero=True),
        ),
        links=(
            "https://docs.aws.amazon.com/bedrock/latest/userguide/prov-throughput.html",
            "https://aws.amazon.com/bedrock/pricing/",
        ),
    ),
)
