"""Clusters, services, models, logs, packages and projects, exactly as the inventory tells them."""

from __future__ import annotations

import pytest

from app.providers.base import Relation
from app.records import RelationshipKind
from tests.providers.gcp.cases import COMPUTE, MAY, NETWORK, Case, check
from tests.providers.gcp.conftest import Find
from tests.providers.gcp.google import NUMBER, PROJECT, Google

CASES = [
    Case(
        "container.googleapis.com/Cluster",
        f"projects/{PROJECT}/zones/us-central1-a/clusters/main",
        "us-central1-a",
        {
            "status": "RUNNING",
            "createTime": "2026-05-01T00:00:00+00:00",
            "currentNodeCount": 3,
            "autopilot": {"enabled": False},
            "resourceLabels": {"env": "dev"},
            "networkConfig": {"network": f"projects/{PROJECT}/global/networks/main"},
            "masterAuth": {"clientKey": "s3cret", "password": "s3cret"},
            "nodePools": [{"name": "p", "config": {"machineType": "e2-medium", "metadata": {"k": "s3cret"}}}],
        },
        {
            "location": "us-central1-a",
            "currentNodeCount": 3,
            "autopilot": {"enabled": False},
            "networkConfig": {"network": f"projects/{PROJECT}/global/networks/main"},
            "nodePools": [{"name": "p", "config": {"machineType": "e2-medium"}}],
        },
        region="us-central1",
        zone="us-central1-a",
        status="RUNNING",
        tags={"env": "dev"},
        created_at=MAY,
        relations=(NETWORK,),
        native_id=f"//container.googleapis.com/projects/{PROJECT}/locations/us-central1-a/clusters/main",
    ),
    Case(
        "container.googleapis.com/NodePool",
        f"projects/{PROJECT}/zones/us-central1-a/clusters/main/nodePools/p",
        "us-central1-a",
        {
            "status": "RUNNING",
            "autoscaling": {"enabled": True, "minNodeCount": 1, "maxNodeCount": 5},
            "config": {"machineType": "e2-medium", "diskSizeGb": 100, "metadata": {"k": "s3cret"}},
            "instanceGroupUrls": [
                f"https://www.googleapis.com/compute/v1/projects/{PROJECT}/zones/us-central1-a/instanceGroupManagers/g"
            ],
        },
        {
            "autoscaling": {"enabled": True, "minNodeCount": 1, "maxNodeCount": 5},
            "config": {"machineType": "e2-medium", "diskSizeGb": 100},
            "instanceGroupUrls": [f"{COMPUTE}/zones/us-central1-a/instanceGroupManagers/g"],
        },
        region="us-central1",
        zone="us-central1-a",
        status="RUNNING",
        relations=(
            Relation(
                RelationshipKind.MEMBER_OF,
                f"//container.googleapis.com/projects/{PROJECT}/locations/us-central1-a/clusters/main",
            ),
        ),
        native_id=f"//container.googleapis.com/projects/{PROJECT}/locations/us-central1-a/clusters/main/nodePools/p",
    ),
    Case(
        "run.googleapis.com/Service",
        f"projects/{PROJECT}/locations/europe-west1/services/api",
        "europe-west1",
        {
            "metadata": {"labels": {"team": "web"}, "creationTimestamp": "2026-05-01T00:00:00Z"},
            "spec": {
                "template": {
                    "metadata": {
                        "annotations": {
                            "autoscaling.knative.dev/minScale": "2",
                            "autoscaling.knative.dev/maxScale": "10",
                            "run.googleapis.com/cpu-throttling": "false",
                        }
                    },
                    "spec": {
                        "containerConcurrency": 80.0,
                        "containers": [
                            {
                                "env": [{"name": "PASSWORD", "value": "s3cret"}],
                                "resources": {"limits": {"cpu": "1000m", "memory": "512Mi"}},
                            }
                        ],
                    },
                }
            },
            "status": {"url": "https://api.run.app", "conditions": [{"type": "Ready", "status": "True"}]},
        },
        {
            "location": "europe-west1",
            "minInstanceCount": 2,
            "maxInstanceCount": 10,
            "cpuIdle": False,
            "limits": {"cpu": "1000m", "memory": "512Mi"},
            "maxInstanceRequestConcurrency": 80,
            "uri": "https://api.run.app",
            "state": "READY",
        },
        region="europe-west1",
        status="READY",
        tags={"team": "web"},
        created_at=MAY,
    ),
    Case(
        "run.googleapis.com/Service",
        f"projects/{PROJECT}/locations/europe-west1/services/new",
        "europe-west1",
        {
            "labels": {"team": "web"},
            "createTime": "2026-05-01T00:00:00Z",
            "uri": "https://new.run.app",
            "terminalCondition": {"state": "CONDITION_FAILED"},
            "template": {
                "scaling": {"minInstanceCount": 1, "maxInstanceCount": 4},
                "maxInstanceRequestConcurrency": 40,
                "containers": [
                    {
                        "env": [{"name": "PASSWORD", "value": "s3cret"}],
                        "resources": {"limits": {"cpu": "2"}, "cpuIdle": True},
                    }
                ],
                "vpcAccess": {"networkInterfaces": [{"network": f"projects/{NUMBER}/global/networks/main"}]},
            },
        },
        {
            "location": "europe-west1",
            "minInstanceCount": 1,
            "maxInstanceCount": 4,
            "cpuIdle": True,
            "limits": {"cpu": "2"},
            "maxInstanceRequestConcurrency": 40,
            "uri": "https://new.run.app",
            "state": "FAILED",
        },
        region="europe-west1",
        status="FAILED",
        tags={"team": "web"},
        created_at=MAY,
        relations=(NETWORK,),
    ),
    Case(
        "aiplatform.googleapis.com/Endpoint",
        f"projects/{PROJECT}/locations/us-central1/endpoints/1234",
        "us-central1",
        {
            "displayName": "churn",
            "createTime": "2026-05-01T00:00:00Z",
            "network": f"projects/{NUMBER}/global/networks/main",
            "deployedModels": [
                {
                    "id": "9",
                    "dedicatedResources": {
                        "machineSpec": {"machineType": "n1-standard-4", "acceleratorCount": 1},
                        "minReplicaCount": 2,
                    },
                }
            ],
        },
        {
            "endpointId": "1234",
            "network": f"projects/{NUMBER}/global/networks/main",
            "deployedModels": [
                {
                    "id": "9",
                    "dedicatedResources": {
                        "machineSpec": {"machineType": "n1-standard-4", "acceleratorCount": 1},
                        "minReplicaCount": 2,
                    },
                }
            ],
        },
        region="us-central1",
        name="churn",
        created_at=MAY,
        relations=(NETWORK,),
    ),
    Case(
        "logging.googleapis.com/LogBucket",
        f"projects/{PROJECT}/locations/global/buckets/_Default",
        "global",
        {"retentionDays": 365.0, "lifecycleState": "ACTIVE", "locked": False},
        {"location": "global", "retentionDays": 365, "locked": False},
        region="global",
        status="ACTIVE",
    ),
    Case(
        "artifactregistry.googleapis.com/Repository",
        f"projects/{PROJECT}/locations/europe-west1/repositories/images",
        "europe-west1",
        {
            "format": "DOCKER",
            "sizeBytes": "987654321",
            "cleanupPolicies": {"old": {"action": "DELETE"}},
            "remoteRepositoryConfig": {"upstreamCredentials": {"passwordSecretVersion": "s3cret"}},
            "createTime": "2026-05-01T00:00:00Z",
        },
        {"format": "DOCKER", "sizeBytes": 987654321, "cleanupPolicies": {"old": {"action": "DELETE"}}},
        region="europe-west1",
        created_at=MAY,
    ),
    Case(
        "cloudresourcemanager.googleapis.com/Project",
        f"projects/{NUMBER}",
        "global",
        {
            "projectId": PROJECT,
            "projectNumber": NUMBER,
            "name": "Acme production",
            "lifecycleState": "ACTIVE",
            "createTime": "2026-05-01T00:00:00Z",
            "parent": {"type": "folder", "id": "77"},
            "labels": {"cost-center": "1"},
        },
        {
            "projectId": PROJECT,
            "projectNumber": NUMBER,
            "parent": {"type": "folder", "id": "77"},
            "project": NUMBER,
            "unattended": False,
        },
        region="global",
        name=PROJECT,
        status="ACTIVE",
        tags={"cost-center": "1"},
        created_at=MAY,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[c.path.rpartition("/")[2] + " " + c.kind for c in CASES])
def test_exactly_as_told(google: Google, find: Find, case: Case) -> None:
    check(google, find, case)
