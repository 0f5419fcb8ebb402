"""Profiles as a sheet: the same reading as the document, told by line and column."""

from broker.placement.model_reading import read_models
from broker.placement.model_sheet import MODEL_COLUMNS, read_model_sheet
from tests.broker.placement.profiles import a_config, a_model, a_throughput

HEADER = (
    "model,priority,headroom,survival,survival_scope,max_spot_share,start_cost,parameters_billion,"
    "kv_bytes_per_token,kv_shards,config,gpu_model,gpus,precision,class,tokens_per_second,basis,"
    "source,as_of,conditions"
)
FIRST = (
    "chat-70b,900,0.1,0.6,root,0.1,0.50,70.6,327680,8,H100-tp2-fp8,H100,2,fp8,chat,4418,published,"
    'performance overview,2026-05-04,"1000 tokens in, 1000 out"'
)
SECOND = (
    "chat-70b,,,,,,,,,,H100-tp2-fp8,,,,long,796,published,"
    'performance overview,2026-05-04,"1000 tokens in, 1000 out"'
)


def sheet(*rows: str) -> bytes:
    return "\n".join((HEADER, *rows, "")).encode()


def test_a_sheet_says_what_the_document_says() -> None:
    throughput = [a_throughput(), a_throughput(**{"class": "long", "tokens_per_second": 796})]
    document = a_model(classes=["chat", "long"], configs=[a_config(throughput=throughput)])

    from_sheet, faults = read_model_sheet(sheet(FIRST, SECOND))

    assert faults == ()
    assert (from_sheet, ()) == read_models({"models": [document]})


def test_a_row_that_contradicts_an_earlier_one_is_told_by_line_and_column() -> None:
    _, (fault,) = read_model_sheet(sheet(FIRST, SECOND.replace("chat-70b,,", "chat-70b,800,")))

    assert (fault.line, fault.field, fault.code) == (3, "priority", "conflict_in_file")


def test_faults_of_the_document_are_told_by_line_and_column() -> None:
    wrong = FIRST.replace("H100,2,", "H100,1,").replace("2026-05-04", "May")
    _, faults = read_model_sheet(sheet(wrong, SECOND.replace("796", "many")))

    assert [(fault.line, fault.field) for fault in faults] == [
        (2, "as_of"),
        (3, "tokens_per_second"),
    ]
    _, (fault,) = read_model_sheet(sheet(FIRST.replace("H100,2,", "H100,1,")))
    assert (fault.line, fault.field) == (2, "gpus")
    assert "GB of weights" in fault.message


def test_a_sheet_without_a_model_is_refused() -> None:
    _, faults = read_model_sheet(sheet())

    assert [fault.code for fault in faults] == ["no_rows"]


def test_the_columns_are_those_of_the_document() -> None:
    assert set(HEADER.split(",")) < set(MODEL_COLUMNS.names)
