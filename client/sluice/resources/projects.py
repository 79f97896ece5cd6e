"""Projects, their keys and their datasets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import grpc

from sluice.checks import read_texts
from sluice.errors import InvalidArgument
from sluice.labels import TaskType
from sluice.resources.class_map import LabelClass, number_classes, read_task_type
from sluice.resources.kinds import API_KEY, PROJECT
from sluice.resources.pages import list_items
from sluice.resources.resolver import Resolver
from sluice.rpc_errors import translate
from sluice.v1 import dataset_pb2, deletion_pb2, project_pb2
from sluice.v1.dataset_pb2_grpc import DatasetServiceStub
from sluice.v1.project_pb2_grpc import ProjectServiceStub


class Projects:
    """Projects, their keys and datasets; found by resource name, id or display name."""

    def __init__(self, channel: grpc.Channel, names: Resolver | None = None) -> None:
        self._names = names or Resolver(channel)
        self._stub = ProjectServiceStub(channel)
        self._datasets = DatasetServiceStub(channel)

    def create(self, project_id: str, display_name: str = "") -> project_pb2.Project:
        """Create a project; requires the server's admin key."""
        request = project_pb2.CreateProjectRequest(
            project_id=project_id, project=project_pb2.Project(display_name=display_name)
        )
        return translate(self._stub.CreateProject, request)

    def get(self, name: str) -> project_pb2.Project:
        """Read a project."""
        request = project_pb2.GetProjectRequest(name=self._names.project(name))
        return translate(self._stub.GetProject, request)

    def list(self) -> Iterator[project_pb2.Project]:
        """The projects that the key may see."""
        return list_items(self._stub.ListProjects, project_pb2.ListProjectsRequest(), "projects")

    def delete(self, name: str, *, validate_only: bool = False) -> deletion_pb2.DeletionSummary:
        """Delete a project with its keys and everything in it; requires the server's admin key.

        Its id is never used again. With `validate_only` nothing is deleted, only counted.
        """
        full_name = self._names.find(PROJECT, name, may_be_gone=True)
        request = project_pb2.DeleteProjectRequest(name=full_name, validate_only=validate_only)
        return translate(self._stub.DeleteProject, request)

    def create_api_key(self, project: str, scopes: Iterable[str], display_name: str = "") -> str:
        """Create a key with scopes `log`, `review` or `admin`.

        Returns its secret, which cannot be read again.
        """
        scope_names = [f"SCOPE_{scope.upper()}" for scope in read_texts("scopes", scopes)]
        if unknown := sorted(set(scope_names) - set(project_pb2.Scope.keys()[1:])):
            raise InvalidArgument.of(
                "scopes", f"{unknown[0][6:].lower()!r} is none of log, review, admin"
            )
        request = project_pb2.CreateApiKeyRequest(
            parent=self._names.project(project),
            api_key=project_pb2.ApiKey(display_name=display_name, scopes=scope_names),
        )
        return translate(self._stub.CreateApiKey, request).secret

    def api_keys(self, project: str = "") -> Iterator[project_pb2.ApiKey]:
        """The keys of a project, without secrets."""
        request = project_pb2.ListApiKeysRequest(parent=self._names.project(project))
        return list_items(self._stub.ListApiKeys, request, "api_keys")

    def delete_api_key(self, name: str) -> None:
        """Revoke a key at once."""
        request = project_pb2.DeleteApiKeyRequest(name=self._names.find(API_KEY, name))
        translate(self._stub.DeleteApiKey, request)

    def create_dataset(
        self,
        project: str,
        dataset_id: str,
        task_type: TaskType | str | dataset_pb2.Dataset,
        classes: Iterable[str | LabelClass] = (),
        *,
        display_name: str = "",
    ) -> dataset_pb2.Dataset:
        """Create a dataset with a task type, such as `box_2d`, and a class map.

        Classes that are given by name are numbered from 0, in their order. A `Dataset` message in
        place of the task type is sent as it is.
        """
        if isinstance(task_type, dataset_pb2.Dataset):
            dataset = task_type
        else:
            dataset = dataset_pb2.Dataset(
                display_name=display_name,
                task_type=read_task_type(task_type),
                classes=[label_class.to_proto() for label_class in number_classes(classes)],
            )
        request = dataset_pb2.CreateDatasetRequest(
            parent=self._names.project(project), dataset_id=dataset_id, dataset=dataset
        )
        return translate(self._datasets.CreateDataset, request)

    def datasets(self, project: str = "") -> Iterator[dataset_pb2.Dataset]:
        """The datasets of a project."""
        request = dataset_pb2.ListDatasetsRequest(parent=self._names.project(project))
        return list_items(self._datasets.ListDatasets, request, "datasets")
