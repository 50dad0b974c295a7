import { graphql } from "relay-runtime";

export const row = graphql`
  fragment resources_row on Resource {
    id
    name
    account { name }
  }
`;

export const list = graphql`
  fragment resources_list on Organization
  @argumentDefinitions(count: { type: "Int", defaultValue: 25 }, cursor: { type: "String" })
  @refetchable(queryName: "resourcesListPaginationQuery") {
    resources(first: $count, after: $cursor) @connection(key: "resources_list_resources") {
      edges { node { ...resources_row } }
    }
  }
`;

export const page = graphql`
  query resourcesPageQuery($slug: String!) {
    organization(slug: $slug) { ...resources_list }
  }
`;
