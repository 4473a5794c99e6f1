"""Pod templates and pod specs, with the real kubernetes package."""

import json
import subprocess
import sys
from typing import Any

import pytest
from kubernetes.client import ApiClient, V1Container, V1PodSpec, V1Toleration

from tasksmithy.errors import FieldError
from tasksmithy.fields._pod import (
    PRIMARY_CONTAINER_DEFAULT_NAME,
    PodTemplate,
    pod_spec_from_resources,
)
from tasksmithy.fields._resources import GPU, Resources


def plain(spec: V1PodSpec) -> Any:
    """The spec as the API server gets it."""
    client: Any = ApiClient()
    return client.sanitize_for_serialization(spec)


def resources_of(spec: V1PodSpec) -> Any:
    return plain(spec)["containers"][0]["resources"]


def test_without_resources_there_is_one_bare_container() -> None:
    spec = plain(pod_spec_from_resources())
    assert spec == {"containers": [{"name": "primary", "resources": {}}]}


def test_every_resource_has_its_kubernetes_name_and_a_quantity() -> None:
    spec = pod_spec_from_resources(
        requests=Resources(cpu=0.5, memory="2048Mi", gpu="A100:2", disk="10Gi")
    )
    expected = {
        "cpu": "500m",
        "memory": "2Gi",
        "nvidia.com/gpu": "2",
        "ephemeral-storage": "10Gi",
    }
    assert resources_of(spec) == {"requests": expected, "limits": expected}


@pytest.mark.parametrize("side", ["requests", "limits"])
def test_one_side_alone_gives_both(side: str) -> None:
    spec = pod_spec_from_resources(**{side: Resources(cpu=1)})  # type: ignore[arg-type]
    assert resources_of(spec) == {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}


def test_empty_resources_give_nothing_and_are_filled_from_the_other_side() -> None:
    spec = pod_spec_from_resources(requests=Resources(cpu=1), limits=Resources())
    assert resources_of(spec) == {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}


@pytest.mark.parametrize("side", ["requests", "limits"])
def test_a_pair_is_request_and_limit(side: str) -> None:
    both = Resources(cpu=(1, 2), memory=("1Gi", "2Gi"))
    assert resources_of(pod_spec_from_resources(**{side: both})) == {  # type: ignore[arg-type]
        "requests": {"cpu": "1", "memory": "1Gi"},
        "limits": {"cpu": "2", "memory": "2Gi"},
    }


def test_requests_and_limits_each_give_their_side() -> None:
    spec = pod_spec_from_resources(
        requests=Resources(cpu=(1, 2), memory="1Gi"), limits=Resources(cpu=(3, 4), disk="1Gi")
    )
    assert resources_of(spec) == {
        "requests": {"cpu": "1", "memory": "1Gi"},
        "limits": {"cpu": "4", "ephemeral-storage": "1Gi"},
    }


def test_accelerators_are_counted_under_the_given_key() -> None:
    spec = pod_spec_from_resources(
        requests=Resources(gpu=GPU("A100", 3)), k8s_gpu_resource_key="amd.com/gpu"
    )
    assert resources_of(spec)["requests"] == {"amd.com/gpu": "3"}


@pytest.mark.parametrize(
    ("requests", "limits"),
    [
        (Resources(cpu=1, gpu=2), Resources(cpu=1)),
        (Resources(cpu=1), Resources(cpu=1, gpu=2)),
        (Resources(cpu=1, gpu=2), Resources(cpu=1, gpu=2)),
    ],
)
def test_accelerators_are_requested_and_limited_alike(
    requests: Resources, limits: Resources
) -> None:
    amounts = {"cpu": "1", "nvidia.com/gpu": "2"}
    spec = pod_spec_from_resources(requests=requests, limits=limits)
    assert resources_of(spec) == {"requests": amounts, "limits": amounts}


@pytest.mark.parametrize(
    ("requests", "limits", "field"),
    [
        (Resources(gpu=1), Resources(gpu=2), "requests.gpu"),
        (Resources(cpu="1001m"), Resources(cpu=1), "requests.cpu"),
        (Resources(memory="1Gi"), Resources(memory="1G"), "requests.memory"),
        (Resources(disk="2Gi"), Resources(disk="1Gi"), "requests.ephemeral-storage"),
        (Resources(cpu="x"), None, "requests.cpu"),
        (None, Resources(memory="x"), "limits.memory"),
    ],
)
def test_resources_that_kubernetes_would_refuse_are_refused(
    requests: Resources | None, limits: Resources | None, field: str
) -> None:
    with pytest.raises(FieldError) as caught:
        pod_spec_from_resources(requests=requests, limits=limits)
    assert caught.value.field == field


@pytest.mark.parametrize(("shm", "size"), [("1024Mi", {"sizeLimit": "1Gi"}), ("auto", {})])
def test_shared_memory_is_a_memory_backed_volume_on_the_primary_container(
    shm: str, size: dict[str, str]
) -> None:
    spec = plain(pod_spec_from_resources("main", Resources(shm=shm)))
    (container,), (volume,) = spec["containers"], spec["volumes"]
    assert container["name"] == "main"
    assert container["volumeMounts"] == [{"name": volume["name"], "mountPath": "/dev/shm"}]
    assert volume["emptyDir"] == {"medium": "Memory", **size}


def test_a_count_that_differs_from_its_limit_is_refused_with_the_limit() -> None:
    with pytest.raises(FieldError, match=r"requests\.gpu='1' .* as many as the limit, 2"):
        pod_spec_from_resources(requests=Resources(gpu=1), limits=Resources(gpu=2))


def test_the_limits_decide_on_shared_memory() -> None:
    spec = plain(pod_spec_from_resources("main", Resources(shm="1Gi"), Resources(shm="2Gi")))
    assert spec["volumes"][0]["emptyDir"]["sizeLimit"] == "2Gi"


NAMES = ["", "Primary", "a_b", "-a", "a-", "a" * 64, "a\n", None, 1]


@pytest.mark.parametrize("name", NAMES)
def test_a_container_has_a_name_that_kubernetes_allows(name: Any) -> None:
    with pytest.raises(FieldError) as caught:
        pod_spec_from_resources(name)
    assert caught.value.field == "primary_container_name"
    with pytest.raises(FieldError) as caught:
        PodTemplate(primary_container_name=name).check()
    assert caught.value.field == "primary_container_name"


@pytest.mark.parametrize(
    ("template", "field"),
    [
        (PodTemplate("default"), "pod_spec"),  # type: ignore[arg-type]
        (PodTemplate({"containers": {1, 2}}), "pod_spec"),
        (PodTemplate({"x": float("nan")}), "pod_spec"),
        (PodTemplate(V1Container(name="x")), "pod_spec"),  # type: ignore[arg-type]
        (PodTemplate(labels={"a": 1}), "labels['a']"),  # type: ignore[dict-item]
        (PodTemplate(labels=[]), "labels"),  # type: ignore[arg-type]
        (PodTemplate(annotations={1: "a"}), "annotations"),  # type: ignore[dict-item]
    ],
)
def test_a_template_that_is_not_allowed_is_refused_by_field(
    template: PodTemplate, field: str
) -> None:
    with pytest.raises(FieldError) as caught:
        template.check()
    assert caught.value.field == field


def test_a_template_of_a_kubernetes_object_and_of_a_mapping_are_the_same_dict() -> None:
    spec = V1PodSpec(
        containers=[V1Container(name="primary")],
        node_selector={"disk": "ssd"},
        tolerations=[V1Toleration(key="gpu", operator="Exists")],
    )
    mapping = {
        "containers": [{"name": "primary"}],
        "nodeSelector": {"disk": "ssd"},
        "tolerations": ({"key": "gpu", "operator": "Exists"},),
    }
    for pod_spec in (spec, mapping):
        template = PodTemplate(pod_spec, labels={"team": "a"}, annotations={"note": "b"})
        template.check()
        assert template.to_dict() == {
            "pod_spec": {
                "containers": [{"name": "primary"}],
                "nodeSelector": {"disk": "ssd"},
                "tolerations": [{"key": "gpu", "operator": "Exists"}],
            },
            "primary_container_name": PRIMARY_CONTAINER_DEFAULT_NAME,
            "labels": {"team": "a"},
            "annotations": {"note": "b"},
        }


def test_an_empty_template_has_only_the_container_name() -> None:
    assert PodTemplate().to_dict() == {"primary_container_name": "primary"}


def test_the_dict_shares_nothing_with_the_mapping() -> None:
    mapping = {"containers": [{"name": "primary"}]}
    result: Any = PodTemplate(mapping).to_dict()
    result["pod_spec"]["containers"].clear()
    assert mapping == {"containers": [{"name": "primary"}]}


def test_templates_can_be_hashed_with_what_cannot() -> None:
    spec = V1PodSpec(containers=[V1Container(name="primary")])
    again = V1PodSpec(containers=[V1Container(name="primary")])
    assert PodTemplate(spec, labels={"a": "b"}) == PodTemplate(again, labels={"a": "b"})
    assert hash(PodTemplate(spec, annotations={"a": "b"})) == hash(PodTemplate(again))


WITHOUT_KUBERNETES = """
import sys
sys.path[:] = [path for path in sys.path if "site-packages" not in path]
from tasksmithy.errors import FieldError, MissingDependencyError
from tasksmithy.fields._pod import PodTemplate, pod_spec_from_resources
try:
    pod_spec_from_resources()
except MissingDependencyError as error:
    print(error)
try:
    PodTemplate(object()).check()
except FieldError as error:
    print(error.field)
PodTemplate({"containers": []}).check()
print("kubernetes" in sys.modules)
"""


def test_without_kubernetes_only_what_needs_it_fails_and_says_what_to_install() -> None:
    import tasksmithy.errors

    source = str(tasksmithy.errors.__file__).removesuffix("/tasksmithy/errors.py")
    program = f"import sys; sys.path.insert(0, {json.dumps(source)})\n{WITHOUT_KUBERNETES}"
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], check=True, capture_output=True, text=True
    )
    message, field, imported = done.stdout.splitlines()
    assert "pod_spec_from_resources" in message
    assert "pip install 'tasksmithy[kubernetes]'" in message
    assert (field, imported) == ("pod_spec", "False")
