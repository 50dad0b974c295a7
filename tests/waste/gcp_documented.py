"""What Google documents of the metrics that tell waste: types, monitored resources, and labels of both.

From https://cloud.google.com/monitoring/api/metrics_gcp, …/metrics_opsagent, …/metrics_kubernetes and …/resources, not
from the product. All are plain numbers: none is a distribution, so percentiles of them are refused.
"""

from __future__ import annotations

LOAD_BALANCER = "project_id region forwarding_rule_name target_proxy_name backend_target_name backend_name"
RESOURCES = {
    "gce_instance": "project_id instance_id zone",
    "autoscaler": "project_id location autoscaler_id autoscaler_name instance_group_manager_id",
    "compute.googleapis.com/Reservation": "resource_container location reservation_id",
    "nat_gateway": "project_id region router_id gateway_name",
    "vpn_gateway": "project_id region gateway_id",
    "interconnect_attachment": "project_id region attachment interconnect interconnect_project",
    "https_lb_rule": f"{LOAD_BALANCER} url_map_name matched_url_path_rule",
    "http_external_regional_lb_rule": f"{LOAD_BALANCER} network_name url_map_name",
    "internal_http_lb_rule": f"{LOAD_BALANCER} network_name url_map_name",
    "tcp_ssl_proxy_rule": LOAD_BALANCER,
    "l4_proxy_rule": f"{LOAD_BALANCER} network_name load_balancing_scheme protocol",
    "tcp_lb_rule": "project_id region forwarding_rule_name load_balancer_name network_name",
    "udp_lb_rule": "project_id region forwarding_rule_name load_balancer_name network_name",
    "loadbalancing.googleapis.com/ExternalNetworkLoadBalancerRule": "project_id region forwarding_rule_name",
    "internal_tcp_lb_rule": "project_id region forwarding_rule_name load_balancer_name network_name",
    "internal_udp_lb_rule": "project_id region forwarding_rule_name load_balancer_name network_name",
    "cloudsql_database": "project_id database_id region",
    "gcs_bucket": "project_id bucket_name location",
    "bigquery_project": "project_id location",
    "global": "project_id",
    "redis_instance": "project_id region instance_id node_id",
    "memcache_node": "project_id location instance_id node_id",
    "pubsub_subscription": "project_id subscription_id",
    "k8s_node": "project_id location cluster_name node_name",
    "cloud_run_revision": "project_id service_name revision_name location configuration_name",
    "aiplatform.googleapis.com/Endpoint": "resource_container location endpoint_id",
    "artifactregistry.googleapis.com/Repository": "resource_container location repository_id",
}
"""Labels by the type of a monitored resource."""
_DISK = "device_name storage_type device_type"
_REQUEST = "protocol response_code response_code_class cache_result client_country"
_PREDICTION = "deployed_model_id spot model_display_name endpoint_display_name"
_PASSTHROUGH = "tcp_lb_rule udp_lb_rule loadbalancing.googleapis.com/ExternalNetworkLoadBalancerRule"
METRICS = {
    "agent.googleapis.com/gpu/utilization": ("gce_instance", "gpu_number model uuid"),
    "agent.googleapis.com/memory/percent_used": ("gce_instance", "state"),
    "aiplatform.googleapis.com/prediction/online/prediction_count": ("aiplatform.googleapis.com/Endpoint", _PREDICTION),
    "aiplatform.googleapis.com/prediction/online/private/response_count": (
        "aiplatform.googleapis.com/Endpoint",
        "deployed_model_id response_code",
    ),
    "aiplatform.googleapis.com/prediction/online/response_count": (
        "aiplatform.googleapis.com/Endpoint",
        f"{_PREDICTION} response_code",
    ),
    "artifactregistry.googleapis.com/repository/request_count": (
        "artifactregistry.googleapis.com/Repository",
        "method type response_code status",
    ),
    "autoscaler.googleapis.com/capacity": ("autoscaler", "metric_type"),
    "autoscaler.googleapis.com/current_utilization": ("autoscaler", "metric_type"),
    "bigquery.googleapis.com/slots/total_allocated_for_reservation": ("bigquery_project global", ""),
    "cloudsql.googleapis.com/database/cpu/utilization": ("cloudsql_database", ""),
    "cloudsql.googleapis.com/database/memory/utilization": ("cloudsql_database", ""),
    "cloudsql.googleapis.com/database/network/connections": ("cloudsql_database", ""),
    "cloudsql.googleapis.com/database/postgresql/num_backends": ("cloudsql_database", "database"),
    "compute.googleapis.com/instance/cpu/utilization": ("gce_instance", "instance_name"),
    "compute.googleapis.com/instance/disk/max_read_bytes_count": ("gce_instance", _DISK),
    "compute.googleapis.com/instance/disk/max_read_ops_count": ("gce_instance", _DISK),
    "compute.googleapis.com/instance/disk/max_write_bytes_count": ("gce_instance", _DISK),
    "compute.googleapis.com/instance/disk/max_write_ops_count": ("gce_instance", _DISK),
    "compute.googleapis.com/instance/network/received_bytes_count": ("gce_instance", "instance_name loadbalanced"),
    "compute.googleapis.com/instance/network/sent_bytes_count": ("gce_instance", "instance_name loadbalanced"),
    "compute.googleapis.com/reservation/used": ("compute.googleapis.com/Reservation", ""),
    "interconnect.googleapis.com/network/attachment/received_bytes_count": ("interconnect_attachment", ""),
    "interconnect.googleapis.com/network/attachment/sent_bytes_count": ("interconnect_attachment", ""),
    "kubernetes.io/node/cpu/allocatable_utilization": ("k8s_node", ""),
    "loadbalancing.googleapis.com/https/external/regional/request_count": ("http_external_regional_lb_rule", _REQUEST),
    "loadbalancing.googleapis.com/https/internal/request_count": ("internal_http_lb_rule", _REQUEST),
    "loadbalancing.googleapis.com/https/request_count": ("https_lb_rule", f"{_REQUEST} proxy_continent"),
    "loadbalancing.googleapis.com/l3/external/ingress_packets_count": (_PASSTHROUGH, "client_continent client_country"),
    "loadbalancing.googleapis.com/l3/internal/ingress_packets_count": (
        "internal_tcp_lb_rule internal_udp_lb_rule",
        "client_project_id client_network client_subnetwork client_zone",
    ),
    "loadbalancing.googleapis.com/l4_proxy/tcp/new_connections_count": ("l4_proxy_rule", "client_country"),
    "loadbalancing.googleapis.com/tcp_ssl_proxy/new_connections": (
        "tcp_ssl_proxy_rule",
        "proxy_continent client_country",
    ),
    "logging.googleapis.com/billing/bytes_stored": ("global", "data_type log_bucket_location log_bucket_id"),
    "memcache.googleapis.com/node/operation_count": ("memcache_node", "command"),
    "pubsub.googleapis.com/subscription/backlog_bytes": ("pubsub_subscription", ""),
    "pubsub.googleapis.com/subscription/oldest_unacked_message_age": ("pubsub_subscription", ""),
    "pubsub.googleapis.com/subscription/sent_message_count": ("pubsub_subscription", "delivery_type"),
    "redis.googleapis.com/clients/connected": ("redis_instance", "role"),
    "router.googleapis.com/nat/sent_bytes_count": ("nat_gateway", "ip_protocol"),
    "run.googleapis.com/request_count": ("cloud_run_revision", "response_code response_code_class"),
    "storage.googleapis.com/api/request_count": ("gcs_bucket", "method response_code"),
    "storage.googleapis.com/storage/v2/total_bytes": ("gcs_bucket", "storage_class type"),
    "vpn.googleapis.com/network/received_bytes_count": ("vpn_gateway", "tunnel_name gateway_name"),
    "vpn.googleapis.com/network/sent_bytes_count": ("vpn_gateway", "tunnel_name gateway_name"),
}
"""Monitored resources and labels by the type of a metric."""


def undocumented(metric: str, resource: str | None, labels: list[str]) -> str | None:
    """What Google does not document of such a filter; None where it knows all of it."""
    if metric not in METRICS:
        return f"There is no metric {metric}."
    resources, own = METRICS[metric]
    if resource is not None and resource not in resources.split():
        return f"{metric} is not of {resource}."
    of_resource = {label for each in resources.split() for label in RESOURCES[each].split()}
    known = {f"resource.labels.{label}" for label in of_resource} | {f"metric.labels.{label}" for label in own.split()}
    unknown = [label for label in labels if label not in known]
    return f"{metric} has no {', '.join(unknown)}." if unknown else None
