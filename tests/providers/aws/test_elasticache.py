"""ElastiCache as moto and AWS's wire format tell it."""

from __future__ import annotations

from app.providers.aws.elasticache import SERVICE
from app.providers.base import Relation
from app.records import RelationshipKind
from tests.providers.aws.answering import answering, read
from tests.providers.aws.network import network
from tests.providers.moto import far_client

ARN = "arn:aws:elasticache:eu-west-1:123456789012:"
IN = RelationshipKind.IN_NETWORK


def test_cache_cluster_tells_its_nodes_its_network_and_its_tags(moto_url: str) -> None:
    vpc, subnets = network(moto_url)
    elasticache = far_client(moto_url, "elasticache")
    elasticache.create_cache_subnet_group(
        CacheSubnetGroupName="net", CacheSubnetGroupDescription="Shop", SubnetIds=subnets
    )
    for name in ("sessions", "pages"):
        elasticache.create_cache_cluster(
            CacheClusterId=name,
            CacheNodeType="cache.t3.micro",
            Engine="memcached",
            EngineVersion="1.6.22",
            NumCacheNodes=2,
            PreferredAvailabilityZone="eu-west-1a",
            CacheSubnetGroupName="net",
            Tags=[{"Key": "team", "Value": name}],
        )

    sessions, pages = read(moto_url, SERVICE, "AWS::ElastiCache::CacheCluster")

    assert (sessions.service, sessions.native_id) == ("AmazonElastiCache", ARN + "cluster:sessions")
    assert (sessions.name, sessions.status) == ("sessions", "available")
    assert (sessions.region, sessions.availability_zone) == ("eu-west-1", "eu-west-1a")
    assert (sessions.tags, pages.tags) == ({"team": "sessions"}, {"team": "pages"})
    assert sessions.created_at is not None
    assert sessions.properties == {
        "arn": ARN + "cluster:sessions",
        "nodeType": "cache.t3.micro",
        "engine": "memcached",
        "engineVersion": "1.6.22",
        "nodes": 2,
        "nodeIds": [],
        "replicationGroup": None,
        "snapshotRetentionDays": 0,
        "encryptedAtRest": None,
    }
    assert sessions.relations == (Relation(IN, vpc), Relation(IN, subnets[0]), Relation(IN, subnets[1]))


def test_replication_group(moto_url: str) -> None:
    far_client(moto_url, "elasticache").create_replication_group(
        ReplicationGroupId="queue",
        ReplicationGroupDescription="Jobs",
        Engine="redis",
        CacheNodeType="cache.r6g.large",
        NumCacheClusters=3,
        AutomaticFailoverEnabled=True,
        Tags=[{"Key": "team", "Value": "jobs"}],
    )

    (group,) = read(moto_url, SERVICE, "AWS::ElastiCache::ReplicationGroup")

    assert (group.native_id, group.name) == (ARN + "replicationgroup:queue", "queue")
    assert (group.status, group.tags) == ("available", {"team": "jobs"})
    assert group.properties["nodeType"] == "cache.r6g.large"
    assert group.properties["engine"] == "redis"
    assert group.properties["shards"] == 1
    assert group.properties["clusterEnabled"] is False
    assert group.properties["automaticFailover"] == "enabled"
    assert group.properties["description"] == "Jobs"


def test_member_of_a_replication_group_says_so_and_one_over_many_zones_has_none() -> None:
    body = f"""<DescribeCacheClustersResponse><DescribeCacheClustersResult><CacheClusters><CacheCluster>
      <CacheClusterId>queue-001</CacheClusterId><ARN>{ARN}cluster:queue-001</ARN><Engine>redis</Engine>
      <ReplicationGroupId>queue</ReplicationGroupId><NumCacheNodes>1</NumCacheNodes>
      <PreferredAvailabilityZone>Multiple</PreferredAvailabilityZone>
      <CacheNodes><CacheNode><CacheNodeId>0001</CacheNodeId></CacheNode></CacheNodes>
      </CacheCluster></CacheClusters></DescribeCacheClustersResult></DescribeCacheClustersResponse>"""
    groups = "<DescribeCacheSubnetGroupsResponse><DescribeCacheSubnetGroupsResult/></DescribeCacheSubnetGroupsResponse>"
    with answering(
        DescribeCacheClusters=body, DescribeCacheSubnetGroups=groups, GetResources={"ResourceTagMappingList": []}
    ) as far_side:
        (member,) = read(far_side.url, SERVICE, "AWS::ElastiCache::CacheCluster")

    assert member.relations == (Relation(RelationshipKind.MEMBER_OF, ARN + "replicationgroup:queue"),)
    assert member.properties["nodeIds"] == ["0001"]
    assert (member.availability_zone, member.tags) == (None, {})


def test_serverless_cache_tells_its_limits() -> None:
    arn = ARN + "serverlesscache:burst"
    body = f"""<DescribeServerlessCachesResponse><DescribeServerlessCachesResult><ServerlessCaches><member>
      <ServerlessCacheName>burst</ServerlessCacheName><ARN>{arn}</ARN><Status>available</Status>
      <CreateTime>2026-05-06T07:08:09Z</CreateTime><Engine>valkey</Engine><MajorEngineVersion>8</MajorEngineVersion>
      <FullEngineVersion>8.0</FullEngineVersion>
      <CacheUsageLimits><DataStorage><Minimum>2</Minimum><Maximum>10</Maximum><Unit>GB</Unit></DataStorage>
        <ECPUPerSecond><Maximum>5000</Maximum></ECPUPerSecond></CacheUsageLimits>
      <SubnetIds><SubnetId>subnet-1</SubnetId><SubnetId>subnet-2</SubnetId></SubnetIds>
      </member></ServerlessCaches></DescribeServerlessCachesResult></DescribeServerlessCachesResponse>"""
    tagged = {"ResourceTagMappingList": [{"ResourceARN": arn, "Tags": [{"Key": "team", "Value": "web"}]}]}
    with answering(DescribeServerlessCaches=body, GetResources=tagged) as far_side:
        (cache,) = read(far_side.url, SERVICE, "AWS::ElastiCache::ServerlessCache")

    assert far_side.calls("GetResources") == [{"ResourceARNList": [arn]}]
    assert (cache.native_id, cache.name, cache.status, cache.tags) == (arn, "burst", "available", {"team": "web"})
    assert cache.created_at is not None
    assert cache.created_at.isoformat() == "2026-05-06T07:08:09+00:00"
    assert cache.properties == {
        "arn": arn,
        "engine": "valkey",
        "engineVersion": "8.0",
        "storageMinimumGb": 2,
        "storageMaximumGb": 10,
        "ecpuPerSecondMinimum": None,
        "ecpuPerSecondMaximum": 5000,
        "snapshotRetentionDays": None,
    }
    assert cache.relations == (Relation(IN, "subnet-1"), Relation(IN, "subnet-2"))
