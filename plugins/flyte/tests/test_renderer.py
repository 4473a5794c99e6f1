"""What a message keeps, what is refused, and the parts that task types build pods from."""

from datetime import UTC, datetime

import pytest
from flyteidl2.core import security_pb2
from flyteidl2.task import task_definition_pb2
from google.protobuf.json_format import Parse
from plugins.flyte.tests.corpus import tasks

from tasksmithy import (
    GPU,
    CodeBundle,
    FieldError,
    PodTemplate,
    Resources,
    ReusePolicy,
    Secret,
    SerializationContext,
    TaskDefinitionError,
    TaskEnvironment,
    TaskSpec,
    Timeout,
    Trigger,
    TriggerTime,
    serialize,
)
from tasksmithy.extend import from_spec
from tasksmithy.extras import ContainerTask
from tasksmithy_flyte import (
    RenderError,
    get_proto_extended_resources,
    get_proto_resources,
    get_security_context,
    message_of,
    render,
    render_json,
    spec_of,
    triggers_of,
)

env = TaskEnvironment(name="rendered", image="ghcr.io/acme/app:1.4")


@env.task
async def load(month: int, moment: datetime | None = None, other: datetime | None = None) -> int:
    return month


def rendered(task, **context):
    sctx = SerializationContext(**context)
    return message_of(serialize(task, sctx), sctx)


def test_protobuf_and_json_are_the_same_message():
    spec = serialize(load)
    binary = task_definition_pb2.TaskSpec.FromString(render(spec))

    assert Parse(render_json(spec), task_definition_pb2.TaskSpec()) == binary == message_of(spec)


@pytest.mark.parametrize("name", sorted(tasks()))
def test_a_message_parses_back_to_the_spec_that_gives_the_same_message(name):
    spec = serialize(tasks()[name])

    parsed = task_definition_pb2.TaskSpec.FromString(render(spec))

    assert spec_of(parsed).to_json() == spec.to_json()
    assert render(spec_of(parsed)) == render(spec)


@pytest.mark.parametrize("name", sorted(tasks()))
def test_the_task_made_from_a_message_gives_the_same_message(name):
    message = rendered(tasks()[name], version="v1")

    assert rendered(from_spec(spec_of(message)), version="v1") == message


def test_the_spec_is_in_the_template_that_a_cluster_hands_out():
    spec = serialize(load)

    assert spec_of(message_of(spec).task_template) == spec


def test_a_message_of_another_sdk_has_no_spec():
    with pytest.raises(RenderError, match="was not rendered by tasksmithy"):
        spec_of(task_definition_pb2.TaskSpec())


def test_a_code_bundle_is_named_and_is_what_the_worker_unpacks():
    template = rendered(load, code_bundle=CodeBundle(tgz="s3://b/code.tgz", destination="/root"))
    args = list(template.task_template.container.args)

    assert template.task_template.metadata.code_bundle_uri == "s3://b/code.tgz"
    assert args[args.index("--tgz") :][:4] == ["--tgz", "s3://b/code.tgz", "--dest", "/root"]


def test_a_task_without_a_function_is_found_by_its_template():
    spec = serialize(load)
    shim = TaskSpec(
        name="shim",
        task_type="shim",
        task_type_version=0,
        provenance=spec.provenance,
        interface={"inputs": [], "outputs": []},
        image="ghcr.io/acme/shim:1",
    )

    args = list(message_of(shim).task_template.container.args)

    assert args[-2:] == ["--task-template", "{{.taskTemplatePath}}"]


def test_the_arguments_that_a_task_type_gives_are_kept():
    spec = serialize(load)
    own = TaskSpec(
        name="own",
        task_type="own",
        task_type_version=0,
        provenance=spec.provenance,
        interface={"inputs": [], "outputs": []},
        image="ghcr.io/acme/own:1",
        container_args=["run", "{{.input}}"],
    )

    assert list(message_of(own).task_template.container.args) == ["run", "{{.input}}"]


def test_the_image_that_an_image_is_built_as_is_in_the_message():
    plain = TaskEnvironment(name="plain")

    @plain.task
    async def auto() -> None: ...

    message = rendered(auto, image_cache={"auto": "ghcr.io/acme/default:1"})

    assert message.task_template.container.image == "ghcr.io/acme/default:1"


def test_the_program_of_the_image_is_the_command():
    shell = ContainerTask(
        name="shell", image="alpine:3", command=["-c", "true"], image_entrypoint=["/bin/sh"]
    )

    assert list(rendered(shell).task_template.container.command) == ["/bin/sh"]


def auto():
    plain = TaskEnvironment(name="plain")

    @plain.task
    async def auto() -> None: ...

    return auto


def kept(task_type):
    spec = serialize(load.override(reusable=ReusePolicy(1)))
    return TaskSpec(
        name="kept",
        task_type=task_type,
        task_type_version=0,
        provenance=spec.provenance,
        interface=spec.interface,
        image="alpine:3",
        definition=spec.definition,
        custom_config={"workers": 4},
    )


REFUSED = {
    "timeout.deadline": lambda: load.override(
        timeout=Timeout(deadline=datetime(2030, 1, 1, tzinfo=UTC))
    ),
    "secrets[1].mount": lambda: load.override(secrets=["a", Secret("b", mount="/var/secrets")]),
    "image": auto,
    "pod_template.primary_container_name": lambda: load.override(
        pod_template=PodTemplate({"containers": [{"name": "a"}]})
    ),
    "user": lambda: ContainerTask(name="c", image="alpine:3", command=["a"], user="1000"),
    "workdir": lambda: ContainerTask(name="c", image="alpine:3", command=["a"], workdir="/w"),
}


@pytest.mark.parametrize("field", REFUSED)
def test_what_flyte_cannot_be_told_is_refused_by_name(field):
    with pytest.raises(RenderError) as refused:
        rendered(REFUSED[field]())

    assert refused.value.field == field
    assert str(refused.value).startswith(f"task {refused.value.task!r}, {field}: ")


def test_containers_are_not_kept_for_a_function_with_a_configuration():
    with pytest.raises(RenderError, match="the containers of task type 'python' cannot be kept"):
        message_of(kept("python"))


def test_of_another_task_type_the_policy_alone_says_that_containers_are_kept():
    template = message_of(kept("grid")).task_template

    assert (template.type, template.custom["workers"]) == ("grid", 4)
    assert template.reuse_policy.min_replicas == 1


def test_tasks_share_kept_containers_where_all_that_they_are_made_from_is_equal():
    def version(**fields):
        pool = TaskEnvironment(name="pool", image="a:1", reusable=ReusePolicy(1), **fields)

        @pool.task
        async def one() -> None: ...

        @pool.task
        async def two() -> None: ...

        first, second = (rendered(task).task_template.custom["version"] for task in (one, two))
        assert first == second
        return first

    versions = {version(), version(env_vars={"A": "1"}), version(secrets="a")}

    assert len(versions) == 3


def test_a_trigger_gives_one_input_the_moment_of_the_run():
    twice = Trigger.daily("moment", inputs={"other": TriggerTime, "month": 1})

    with pytest.raises(RenderError, match="one input the moment of the run, not 2"):
        triggers_of(serialize(load.override(triggers=twice)))


def test_a_default_beyond_64_bits_is_refused():
    @env.task
    async def large(n: int = 2**63) -> None: ...

    with pytest.raises(RenderError, match=r"inputs\['n'\].default: 9223372036854775808 does not"):
        rendered(large)


def test_the_parts_for_task_types_that_build_pods():
    resources = Resources(cpu=(0.5, 1), gpu=GPU("A100", 2), shm="auto")
    message = get_proto_resources(resources)
    extended = get_proto_extended_resources(resources)

    assert [(each.name, each.value) for each in message.requests] == [(1, "500m"), (2, "2")]
    assert [(each.name, each.value) for each in message.limits] == [(1, "1")]
    assert extended.gpu_accelerator.device == "nvidia-tesla-a100"
    assert (extended.shared_memory.mount_path, extended.shared_memory.size_limit) == (
        "/dev/shm",
        "",
    )
    secret = get_security_context("api-key").secrets[0]
    assert (secret.env_var, secret.mount_requirement) == (
        "API_KEY",
        security_pb2.Secret.ENV_VAR,
    )


@pytest.mark.parametrize("nothing", [None, Resources()])
def test_where_nothing_is_asked_for_there_is_no_part(nothing):
    assert get_proto_resources(nothing) is None
    assert get_proto_extended_resources(nothing) is None
    assert get_security_context(None) is None


def test_the_parts_refuse_what_a_task_refuses():
    with pytest.raises(FieldError, match="cpu"):
        get_proto_resources(Resources(cpu="none"))
    with pytest.raises(TaskDefinitionError, match="as_env_var"):
        get_security_context(Secret("a", as_env_var="a b"))
